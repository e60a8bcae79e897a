import { EventEmitter } from 'node:events'
import { fail } from '../errors.js'
import type { HandlerKind } from '../messages.js'
import {
  type PoolOptions,
  type PoolSizes,
  parseOptions,
  parseSizes,
  type Settings,
} from '../options.js'
import type { Decision, OpenAdmin, Stats } from '../stats.js'
import { signalEvent } from '../sys/event-descriptor.js'
import { Children, type Sizes } from './children.js'
import { acquireResources, type Resources, releaseResources } from './resources.js'
import { collectStats } from './stats.js'

export interface ChildInfo {
  readonly pid: number
  readonly generation: number
}

export interface ExitInfo extends ChildInfo {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether it was asked to leave. */
  readonly expected: boolean
  readonly livedMs: number
}

export interface PoolEvents {
  /** The pool serves; one address per listener. */
  listening: [addresses: readonly string[]]
  /** A child is ready to serve. */
  child: [ChildInfo]
  /** The pool changes its size, or replaces something for its age: what it does and why. */
  decision: [Decision]
  /** A child is gone. */
  exit: [ExitInfo]
  /**
   * Something went wrong and was survived: a handler threw (FT_ERR_HANDLER), a thread or child died
   * (FT_ERR_THREAD_DIED, FT_ERR_CHILD_DIED), … Without a listener the error is printed on standard error.
   */
  error: [Error]
}

/**
 * The states of a pool and the moves between them: one way, never back.
 *
 *     starting → serving → closing → closed
 *        └───────────────────^
 */
type State = 'starting' | 'serving' | 'closing' | 'closed'
const moves: Readonly<Record<State, readonly State[]>> = {
  starting: ['serving', 'closing'],
  serving: ['closing'],
  closing: ['closed'],
  closed: [],
}

/** A running server pool. Made by `createPool`. */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly #settings: Settings
  readonly #resources: Resources
  readonly #children: Children
  readonly #startedAt = Date.now()
  readonly #generation = 0
  #state: State = 'starting'
  #forgetSignal: () => void = () => undefined
  #kind: HandlerKind = 'http'
  #lastDecision: Decision = { at: this.#startedAt, action: 'none', reason: 'not started yet' }
  readonly #admin: ReturnType<OpenAdmin> | undefined
  #closed: Promise<void> | undefined

  private constructor(settings: Settings, resources: Resources, openAdmin: OpenAdmin) {
    super()
    this.#settings = settings
    this.#resources = resources
    const { listeners, lockFolder, scoreboard, scoreboardFd } = resources
    const { handler, drainTimeout, startTimeout, execArgv, env, resourceLimits } = settings
    const { processes, threads, spares } = settings
    const { keepAliveTimeout, headersTimeout, requestTimeout } = settings
    this.#children = new Children(
      {
        inheritance: {
          listeners: listeners.map(({ fd }) => fd),
          scoreboard: scoreboardFd,
          passOn: resources.passOn,
        },
        terms: {
          handler,
          timeouts: { keepAliveTimeout, headersTimeout, requestTimeout },
          recycle: { requests: settings.recycleRequests, heap: settings.recycleHeap },
          blockedTimeout: settings.blockedTimeout,
          drainTimeout,
          startTimeout,
          acceptMutex: resources.mechanism,
          acceptPermits: settings.acceptPermits,
          lockFiles: lockFolder.files,
          lockFolder: lockFolder.path,
          ...(execArgv === undefined ? {} : { execArgv }),
          ...(env === undefined ? {} : { env }),
          ...(resourceLimits === undefined ? {} : { resourceLimits: definedOnly(resourceLimits) }),
        },
        startTimeout,
        drainTimeout,
        recycle: { lifetime: settings.recycleLifetime, rss: settings.recycleRss },
        backlog: () => listeners.reduce((sum, listener) => sum + listener.backlog.length, 0),
      },
      { processes, threads, spares },
      scoreboard,
    )
    const passOn = (): void => {
      if (resources.passOn !== undefined && this.#state !== 'closed') signalEvent(resources.passOn)
    }
    this.#children.on('stuck', passOn)
    // It may have had a wake-up for a connection that still waits.
    this.#children.on('exit', passOn)
    this.#children.on('decision', (action, reason) => {
      this.#lastDecision = { at: Date.now(), action, reason }
      this.emit('decision', this.#lastDecision)
    })
    this.#children.on('ready', ({ pid, generation }) => {
      // Nobody can listen before `createPool` has resolved; the first children are told of then.
      if (this.#state !== 'starting') this.emit('child', { pid, generation })
    })
    this.#children.on('report', (error) => this.#report(error))
    this.#children.on('exit', ({ pid, generation, startedAt }, exit, expected) => {
      this.emit('exit', { pid, generation, ...exit, expected, livedMs: Date.now() - startedAt })
    })
    if (resources.admin !== undefined)
      this.#admin = openAdmin(resources.admin.fd, {
        stats: () => this.stats(),
        notReady: () => this.#notReady(),
      })
    process.once('exit', this.#cleanUp)
  }

  /** See `createPool`. */
  static async create(options: PoolOptions, openAdmin: OpenAdmin): Promise<Pool> {
    const { signal, ...rest } = options
    const settings = parseOptions(rest)
    signal?.throwIfAborted()
    const pool = new Pool(settings, await acquireResources(settings), openAdmin)
    const abort = (): void => void pool.close()
    signal?.addEventListener('abort', abort, { once: true })
    pool.#forgetSignal = () => signal?.removeEventListener('abort', abort)
    try {
      await pool.#start()
      signal?.throwIfAborted()
    } catch (error) {
      await pool.#abandon()
      throw signal?.aborted ? signal.reason : error
    }
    return pool
  }

  /** The first address, such as `http://127.0.0.1:8080`, `tcp://[::1]:9000` or `unix:/run/app.sock`. */
  get address(): string {
    return this.addresses[0] ?? ''
  }

  /** All addresses, in the order of `listen`. */
  get addresses(): readonly string[] {
    return this.#resources.listeners.map((listener) => listener.name(this.#kind))
  }

  /** What the pool is doing at this moment. @throws FT_ERR_CLOSED once it is closed */
  stats(): Stats {
    if (this.#state === 'closed') throw fail('FT_ERR_CLOSED', ['stats()'])
    return collectStats({
      startedAt: this.#startedAt,
      generation: this.#generation,
      kind: this.#kind,
      listeners: this.#resources.listeners,
      children: this.#children,
      scoreboard: this.#resources.scoreboard,
      maxProcesses: this.#children.sizes.processes.max,
      maxThreads: this.#children.sizes.threads.max,
      lastDecision: this.#lastDecision,
    })
  }

  /**
   * Changes the size of the running pool; what is not given stays. Takes effect within seconds, without a restart:
   * threads and processes above the new limits finish what they have.
   * @throws FT_ERR_OPTION for a wrong value, FT_ERR_CLOSED once the pool is closing
   */
  resize(sizes: PoolSizes): void {
    if (this.#state !== 'serving') throw fail('FT_ERR_CLOSED', ['resize()'])
    this.#children.resize({ ...this.#children.sizes, ...parseSizes(sizes) })
  }

  /** The address that answers how the pool does, if `admin` was given. */
  get adminAddress(): string | undefined {
    return this.#resources.admin?.name('http')
  }

  /** What the pool is sized to at present. */
  get sizes(): Sizes {
    return this.#children.sizes
  }

  /**
   * Stops accepting, finishes the requests in flight and those that wait in the backlog, and takes everything down:
   * processes, threads, lock file, unix paths. What is not done within `drainTimeout` is cut off.
   */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  /** Like `close`, without patience: all children are killed. */
  async kill(): Promise<void> {
    const closed = this.close()
    this.#children.kill()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    this.#kind = await this.#children.open()
    // Where the client speaks first, a thread that takes a connection finds its request there.
    const isDeferred = this.#settings.deferAccept ?? this.#kind === 'http'
    if (isDeferred) for (const listener of this.#resources.listeners) listener.deferAccept()
    // An abort during the start has moved on to closing.
    if (this.#state !== 'starting') return
    this.#move('serving')
    // After `createPool` has resolved, so that somebody may listen.
    setImmediate(() => {
      for (const { pid, generation } of this.#children.all) this.emit('child', { pid, generation })
      this.emit('listening', this.addresses)
    })
  }

  async #close(): Promise<void> {
    this.#move('closing')
    // First here, then in each child that has emptied the backlog: the last to close makes the kernel refuse.
    for (const listener of this.#resources.listeners) listener.close()
    await this.#children.leave()
    this.#release()
  }

  /** The start has failed. */
  async #abandon(): Promise<void> {
    const closed = this.close()
    this.#children.kill()
    await closed
  }

  #release(): void {
    this.#move('closed')
    this.#forgetSignal()
    this.#admin?.close()
    this.#resources.admin?.removePath()
    releaseResources(this.#resources)
    process.off('exit', this.#cleanUp)
  }

  /** The process exits under an open pool: children notice it by themselves, files do not. */
  readonly #cleanUp = (): void => {
    if (this.#state !== 'closing')
      for (const listener of this.#resources.listeners) listener.close()
    this.#resources.lockFolder.remove()
  }

  #notReady(): string | undefined {
    if (this.#state !== 'serving') return `the pool is ${this.#state}`
    const isAnyReady = this.#children.all.some(({ state }) => state === 'ready')
    return isAnyReady ? undefined : 'no process is ready'
  }

  #report(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
    else console.error(error)
  }

  #move(next: State): void {
    if (!moves[this.#state].includes(next))
      throw new Error(`unreachable: a pool can't go from ${this.#state} to ${next}`)
    this.#state = next
  }
}

function definedOnly(limits: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const defined = Object.entries(limits).filter(([, limit]) => limit !== undefined)
  return Object.fromEntries(defined) as Record<string, number>
}
