import type { Readable } from 'node:stream'
import { Piscina } from 'piscina'
import { entryFile } from '../shared/entry-files.js'
import type { Lease } from '../shared/thread-starts.js'
import { isOfFlags } from './start-error.js'

type PiscinaOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>

/** Flags, environment and limits for the user's code. */
export interface ThreadEnvironment {
  readonly execArgv: readonly string[] | undefined
  readonly env: Readonly<Record<string, string>> | undefined
  readonly resourceLimits: Readonly<Record<string, number>> | undefined
}

/**
 * A piscina of one thread and one task, so that ending it ends exactly this thread. (One piscina for all
 * starts threads up to its maximum as soon as two leases wait for a thread: 5.3.2, `_onWorkerAvailable`.)
 */
export class OneThread {
  readonly #piscina: Piscina
  #isStillborn = false

  /** `failed` is called with what the user's code throws when no task runs. */
  constructor(environment: ThreadEnvironment, failed: (error: unknown) => void) {
    this.#piscina = new Piscina(piscinaOptions(environment))
    this.#piscina.on('error', failed)
  }

  /** Node has refused to make the thread. */
  get isStillborn(): boolean {
    return this.#isStillborn
  }

  /** Node's id of the thread, as long as it runs. */
  get threadId(): number | undefined {
    return this.#piscina.threads[0]?.threadId
  }

  /** Settles with the task. Flags that no thread may have make piscina throw at once, and nothing has been started then. */
  async run(lease: Lease): Promise<unknown> {
    const terms = {
      filename: entryFile('thread/worker.js'),
      transferList: [lease.port, lease.poolPort],
    }
    try {
      return await this.#piscina.run(lease, terms)
    } catch (error) {
      if (isOfFlags(error)) this.#isStillborn = true
      throw error
    }
  }

  /** Ends the thread whatever it does; resolves when it runs no more. */
  async end(): Promise<void> {
    // Its task still stands in the queue, and piscina would throw that it ends (5.3.2).
    if (!this.#isStillborn) await this.#piscina.destroy()
  }

  async heapSnapshot(): Promise<Readable | undefined> {
    const [worker] = this.#piscina.threads
    return await worker?.getHeapSnapshot()
  }
}

function piscinaOptions({ execArgv, env, resourceLimits }: ThreadEnvironment): PiscinaOptions {
  return {
    minThreads: 0,
    maxThreads: 1,
    atomics: 'disabled',
    recordTiming: false,
    // With tracking, Node would close descriptors behind the back of the sockets that own them.
    trackUnmanagedFds: false,
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    ...(env === undefined ? {} : { env: { ...process.env, ...env } as Record<string, string> }),
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  }
}
