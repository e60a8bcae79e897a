import { EventEmitter } from 'node:events'
import type { PoolOptions, PoolSizes } from '../options/options.js'
import { parseSizes } from '../options/parse-options.js'
import type { Channel } from '../shared/channel.js'
import { fail } from '../shared/errors.js'
import type { LogLevel } from '../shared/logger.js'
import type { LoadAdmin, Stats } from '../shared/stats.js'
import { assemblePool, type PoolParts } from './assemble-pool.js'
import { accessLogOf, prepareLogFile } from './binding/log-file.js'
import type { Sizes } from './children/sizes.js'
import { logAsTold } from './log/log-pool.js'
import { type Opened, openPool } from './open-pool.js'
import type { PoolEvents } from './pool-events.js'
import { startPool } from './start-pool.js'
import type { UpgradeOptions } from './upgrade/successor.js'

/** A running server pool. Made by `createPool`. What it consists of is put together in `assemblePool`. */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly #parts: PoolParts
  #logger: PoolOptions['logger']

  private constructor(options: PoolOptions, opened: Opened) {
    super()
    this.#parts = assemblePool(this, options, opened)
  }

  /** See `createPool`. */
  static async create(options: PoolOptions, loadAdmin: LoadAdmin): Promise<Pool> {
    return await openPool(options, async (opened) => {
      const pool = new Pool(options, opened)
      pool.#logger = logAsTold(pool, options)
      await startPool(pool, pool.#parts, { ...opened, loadAdmin, signal: options.signal })
      return pool
    })
  }

  /** The first address, such as `http://127.0.0.1:8080`, `tcp://[::1]:9000` or `unix:/run/app.sock`. */
  get address(): string {
    return this.addresses[0] ?? ''
  }

  /** All addresses, in the order of `listen`. */
  get addresses(): readonly string[] {
    return this.#parts.listening.addresses
  }

  /**
   * A channel that reaches every thread of every process, as `channel` of `forkthread/handler` does there. It must be closed when it
   * is not needed any more.
   */
  channel(name: string): Channel {
    return this.#parts.channels.channels.open(name)
  }

  /** What the pool is doing at this moment. @throws FT_ERR_CLOSED once it is closed */
  stats(): Stats {
    const { state, records } = this.#parts
    if (state.now === 'closed') throw fail('FT_ERR_CLOSED', ['stats()'])
    return records.stats()
  }

  /**
   * Changes the size of the running pool; what is not given stays. Takes effect within seconds, without a restart:
   * threads and processes above the new limits finish what they have.
   * @throws FT_ERR_OPTION for a wrong value, FT_ERR_CLOSED once the pool is closing
   */
  resize(sizes: PoolSizes): void {
    const { state, children } = this.#parts
    state.requireServing('resize()')
    children.resize({ ...children.sizes, ...parseSizes(sizes) })
  }

  /**
   * New code and new options, without a connection lost and without ever less capacity: children of a new generation replace
   * those of the old one, at most `reloadBatch` above the usual number at a time. The first is on trial for `canaryTime`.
   * What `changes` does not name stays (or is what `reloadOptions` says). Resolves when the
   * new generation serves and those that it has replaced are gone. Who was leaving before, such as the first one of a reload that
   * failed, takes no new requests, counts on neither side, and may still finish those that it has.
   *
   * While one reload runs, the next waits for its end; further calls join the one that waits, with their changes.
   *
   * @throws FT_ERR_OPTION, FT_ERR_OPTION_UNKNOWN, FT_ERR_OPTION_FIXED, FT_ERR_HANDLER_NOT_FOUND for wrong options; the handler's error
   *   (FT_ERR_HANDLER_LOAD, FT_ERR_HANDLER_EXPORT), FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT or FT_ERR_RELOAD when the first new
   *   child fails: the pool is as before then; FT_ERR_RELOAD_HALFWAY when later ones fail; FT_ERR_CLOSED
   */
  async reload(changes: Partial<PoolOptions> = {}): Promise<void> {
    this.#parts.state.requireServing('reload()')
    await this.#parts.reloadQueue.add(changes)
  }

  /**
   * Starts a new parent (by default the same program with the same arguments, read anew) that takes over the listeners, and closes this pool
   * when the new one serves and has stayed up for `canaryTime`. No connection is refused or lost meanwhile. Resolves with the
   * process id of the new parent; this pool is closed when `close()` resolves. A call while an upgrade runs joins it.
   *
   * @throws FT_ERR_UPGRADE with the reason as its cause: this pool goes on then; FT_ERR_CLOSED
   */
  async upgrade(options: UpgradeOptions = {}): Promise<number> {
    const { state, otherParent, handover } = this.#parts
    state.requireServing('upgrade()')
    otherParent.heed()
    try {
      return await handover.begin(options)
    } catch (error) {
      otherParent.forget()
      throw error
    }
  }

  /**
   * Opens the access log anew, after it was renamed: what is logged from now on goes to a new file at its path, and nothing is lost or
   * written twice. The command does it on USR1.
   * @throws FT_ERR_ACCESS_LOG if there can be no such file: the pool goes on with the old one
   */
  reopenLogs(): void {
    const { reloads, resources, children } = this.#parts
    prepareLogFile(accessLogOf(reloads.settings), resources.identity)
    children.reopenLogs()
  }

  /**
   * Says to load balancers that the pool is not to get new clients: `/ready` is 503, and HAProxy's agent hears `drain`. The pool serves on.
   * @throws FT_ERR_CLOSED once it is closing
   */
  drain(): void {
    this.#parts.state.requireServing('drain()')
    this.#parts.readiness.drain()
  }

  /** Takes `drain` back. @throws FT_ERR_CLOSED once it is closing */
  undrain(): void {
    this.#parts.state.requireServing('undrain()')
    this.#parts.readiness.undrain()
  }

  /**
   * Ends a thread at once, whatever it does, and with it the requests that it has in flight; it is replaced. The numbers are those of `stats()`.
   * Resolves with the places in the code where it was, from the inside out; with none if they could not be had.
   * @throws FT_ERR_USAGE if there is no such thread
   */
  async killThread(process: number, thread: number): Promise<readonly string[]> {
    const { children, news } = this.#parts
    const child = children.all.find(({ slot, state }) => slot === process && state === 'ready')
    if (child === undefined) throw fail('FT_ERR_USAGE', [`There is no process ${process}.`])
    news.decide(`kill thread ${thread}`, `by order, of child ${child.pid}`)
    return await child.killThread(thread)
  }

  /** Changes how much the log tells, as `logLevel` does at the start. No matter for a logger without a level. */
  setLogLevel(level: LogLevel): void {
    if (this.#logger !== undefined && 'level' in this.#logger) this.#logger.level = level
    this.#parts.news.decide('log level', `by order: ${level}`)
  }

  /** The address that answers how the pool does, if `admin` was given. */
  get adminAddress(): string | undefined {
    return this.#parts.resources.admin?.name('http')
  }

  /** The address for those who only read, if `metrics` was given. */
  get metricsAddress(): string | undefined {
    return this.#parts.resources.metrics?.name('http')
  }

  /** The address of HAProxy's agent-check, if `agentCheck` was given. */
  get agentAddress(): string | undefined {
    return this.#parts.resources.agent?.name('raw')
  }

  /** What the pool is sized to at present. */
  get sizes(): Sizes {
    return this.#parts.children.sizes
  }

  /**
   * Says that the pool is draining and serves on for `preStopDelay`; then stops accepting, finishes the requests in flight and those that
   * wait in the backlog, and takes everything down: processes, threads, lock file, unix paths. What is not done within
   * `drainTimeout` is cut off.
   */
  async close(): Promise<void> {
    await this.#parts.closing.close()
  }

  /** Like `close`, without patience: all children are killed, and the new parent of an upgrade that runs is told to end at once. */
  async kill(): Promise<void> {
    await this.#parts.closing.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
