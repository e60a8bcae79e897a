import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'

import { fail, type SerializedError, serializeError } from '../errors.js'
import type { EndLease, HandlerKind, Lease, StartChild, WorkerMessage } from '../messages.js'
import { LockOwner } from '../sync/child-memory.js'
import type { MechanismTerms } from '../sync/create-mechanism.js'
import type { HandOff } from '../sync/hand-off.js'
import { emptyRow, type Scoreboard } from '../sync/scoreboard.js'

type PiscinaOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>

const leaseFile = fileURLToPath(new URL('../worker/lease.js', import.meta.url))

/** A thread that dies again and again is started again ever later. */
const SHORTEST_RESTART_MS = 100
const LONGEST_RESTART_MS = 10_000
/** A thread that has lived this long was not a failed start. */
const SETTLED_MS = 10_000

/** One worker thread and its lease. */
interface WorkerThread {
  readonly port: MessagePort
  /** Resolves when the handler is loaded, rejects when the thread ended before. */
  readonly ready: Promise<HandlerKind>
  /** Settles when the thread runs no more: fulfilled if it returned its lease, rejected if it died. */
  readonly over: Promise<void>
}

/**
 * The worker threads of this child. Each is the only thread of a piscina of its own, so that ending one ends
 * exactly that thread. (One piscina for all starts threads up to its maximum as soon as two leases
 * wait for a thread: 5.3.2, `_onWorkerAvailable`.)
 */
export class WorkerThreads {
  readonly #start: StartChild
  readonly #mechanism: MechanismTerms
  readonly #memory: SharedArrayBuffer
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  readonly #report: (error: SerializedError) => void
  readonly #threads = new Map<number, WorkerThread>()
  readonly #restarts = new Set<NodeJS.Timeout>()
  #restartMs = SHORTEST_RESTART_MS
  #isEnding = false

  constructor(
    start: StartChild,
    mechanism: MechanismTerms,
    memory: SharedArrayBuffer,
    handOff: HandOff,
    scoreboard: Scoreboard,
    report: (error: SerializedError) => void,
  ) {
    this.#start = start
    this.#mechanism = mechanism
    this.#memory = memory
    this.#handOff = handOff
    this.#scoreboard = scoreboard
    this.#report = report
  }

  /** Starts `count` threads; resolves when all have loaded the handler, rejects with the error of one that could not. */
  async startAll(count: number): Promise<HandlerKind> {
    const started = Array.from({ length: count }, (_, id) => this.#startThread(id))
    const kinds = await Promise.all(started.map(({ ready }) => ready))
    for (const [id, { over }] of started.entries()) this.#keep(id, over)
    return kinds[0] ?? 'http'
  }

  /** Ends all leases: threads finish what they have, and what is still queued. Resolves when all are over. */
  async endAll(): Promise<void> {
    this.#isEnding = true
    for (const timer of this.#restarts) clearTimeout(timer)
    const message: EndLease = { type: 'end', takeRest: true }
    for (const { port } of this.#threads.values()) port.postMessage(message)
    await Promise.allSettled([...this.#threads.values()].map(({ over }) => over))
  }

  /** Has a thread that dies replaced. */
  #keep(id: number, over: Promise<void>): void {
    const bornAt = performance.now()
    over.catch((error: unknown) => {
      this.#scoreboard.addToField(this.#start.slot, 'threadDeaths', 1)
      this.#report(serializeError(fail('FT_ERR_THREAD_DIED', [process.pid, id, why(error)], error)))
      if (performance.now() - bornAt > SETTLED_MS) this.#restartMs = SHORTEST_RESTART_MS
      this.#restartLater(id)
    })
  }

  #restartLater(id: number): void {
    if (this.#isEnding) return
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      const { ready, over } = this.#startThread(id)
      ready.then(
        () => this.#keep(id, over),
        (error: unknown) => {
          this.#report(serializeError(error))
          this.#restartLater(id)
        },
      )
    }, this.#restartMs)
    this.#restarts.add(timer)
    this.#restartMs = Math.min(this.#restartMs * 2, LONGEST_RESTART_MS)
  }

  #startThread(id: number): WorkerThread {
    const { slot, generation, handler, timeouts, scoreboard } = this.#start
    const { port1, port2 } = new MessageChannel()
    const piscina = new Piscina({ ...this.#piscinaOptions(), minThreads: 0, maxThreads: 1 })
    const terms: Lease = {
      slot,
      thread: id,
      generation,
      handler,
      timeouts,
      memory: this.#memory,
      mechanism: this.#mechanism,
      scoreboard,
      port: port2,
    }
    this.#scoreboard.writeRow(slot, id, emptyRow('S'))
    const lease = piscina.run(terms, { filename: leaseFile, transferList: [port2] })
    const over = this.#untilOver(id, piscina, port1, lease)
    const isReady = new Promise<HandlerKind>((resolve) => {
      port1.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') resolve(message.kind)
        else this.#report(message.error)
      })
    })
    // A lease that ends first says why the thread never became ready.
    const ready = Promise.race([isReady, over.then(() => isReady)])
    const thread = { port: port1, ready, over }
    this.#threads.set(id, thread)
    return thread
  }

  async #untilOver(
    id: number,
    piscina: Piscina,
    port: MessagePort,
    lease: Promise<unknown>,
  ): Promise<void> {
    // The thread's end of the channel closes when it returns its lease, or else with the thread.
    const closed = once(port, 'close')
    try {
      await lease
    } finally {
      await piscina.destroy()
      await closed
      // Only from here on is it certain that the thread touches nothing any more.
      this.#threads.delete(id)
      this.#handOff.recover(LockOwner.control, id)
      this.#scoreboard.retireRow(this.#start.slot, id)
    }
  }

  #piscinaOptions(): PiscinaOptions {
    const { execArgv, env, resourceLimits } = this.#start
    return {
      atomics: 'disabled',
      recordTiming: false,
      // With tracking, Node would close descriptors behind the back of the sockets that own them.
      trackUnmanagedFds: false,
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      ...(env === undefined ? {} : { env: { ...process.env, ...env } as Record<string, string> }),
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    }
  }
}

function why(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
