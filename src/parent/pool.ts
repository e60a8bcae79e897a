import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type PoolOptions,
  type PoolSizes,
  plainOptions,
  type Settings,
} from '../options/options.js'
import { checkApiOptions, parseOptions, parseSizes } from '../options/parse-options.js'
import { TO_STDOUT } from '../shared/access-log.js'
import type { Channel } from '../shared/channel.js'
import { fail } from '../shared/errors.js'
import type { Logger, LogLevel } from '../shared/logger.js'
import type { OpenAdmin, Stats } from '../shared/stats.js'
import type { HandlerKind } from '../shared/terms.js'
import { countWaiting } from '../sys/descriptor-socket.js'
import { agentReply } from './agent/agent-reply.js'
import { Answers } from './answers.js'
import { acquireListening } from './binding/acquire-listening.js'
import { accessLogOf, prepareLogFile } from './binding/log-file.js'
import { type Resources, releaseResources } from './binding/resources.js'
import { isAbleToServe } from './children/able-to-serve.js'
import { ChannelHub } from './children/channel-hub.js'
import { Children } from './children/children.js'
import { createGeneration } from './children/generation.js'
import { Leadership } from './children/leadership.js'
import { reapOrphans } from './children/orphans.js'
import type { Sizes } from './children/sizes.js'
import { Chronicle } from './chronicle.js'
import { Counting } from './counting.js'
import { createLog } from './create-log.js'
import { followChildren } from './follow-children.js'
import { logPool } from './log-pool.js'
import { collectCpu, collectMeasures, collectPast, type MeasuresSource } from './measures.js'
import { openWhereItListens } from './open-where-it-listens.js'
import { ordersFor } from './orders.js'
import { ownCounts } from './own-counts.js'
import type { PoolEvents } from './pool-events.js'
import { PoolNews } from './pool-news.js'
import { PoolState } from './pool-state.js'
import { RecentLoad } from './recent-load.js'
import { FileWatch } from './reload/file-watch.js'
import { ReloadQueue } from './reload/reload-queue.js'
import { Reloads } from './reload/reloads.js'
import { SlowRoutes } from './slow/slow-routes.js'
import { collectStats } from './stats.js'
import { SystemdNotify } from './systemd/systemd-notify.js'
import { requireTls } from './tls/require-tls.js'
import { TlsRenewal } from './tls/tls-renewal.js'
import { Handover } from './upgrade/handover.js'
import { Predecessor } from './upgrade/predecessor.js'
import { RotationWatch } from './upgrade/rotation-watch.js'
import type { UpgradeOptions } from './upgrade/successor.js'

/** A running server pool. Made by `createPool`. */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly #resources: Resources
  readonly #children: Children
  readonly #counting: Counting
  readonly #rotations = new RotationWatch(
    () => {
      const log = accessLogOf(this.#settings)
      return log?.path === TO_STDOUT ? undefined : log?.path
    },
    () => this.#reopen(),
  )
  readonly #recent: RecentLoad
  readonly #slow = new SlowRoutes()
  readonly #chronicle = new Chronicle()
  readonly #news: PoolNews
  readonly #reloads: Reloads
  readonly #reloadQueue: ReloadQueue<Partial<PoolOptions>>
  readonly #handover: Handover
  readonly #state = new PoolState()
  /** By order; it serves on. */
  #isDraining = false
  #logger: (Logger & { level?: string }) | undefined
  readonly #endReaping: () => void
  #forgetSignal: () => void = () => undefined
  /** Aborts when all is to end at once: no `preStopDelay`, and no patience with a new parent. */
  readonly #hurry = new AbortController()
  #kinds: readonly HandlerKind[] = []
  readonly #answers: Answers
  readonly #files: FileWatch | undefined
  readonly #systemd: SystemdNotify
  readonly #tls: TlsRenewal
  readonly #channels: ChannelHub
  readonly #leadership: Leadership
  #closed: Promise<void> | undefined

  private constructor(
    given: PoolOptions,
    settings: Settings,
    resources: Resources,
    isFirst: boolean,
  ) {
    super()
    this.#resources = resources
    this.#news = new PoolNews(this, this.#state, this.#chronicle)
    this.#answers = new Answers(resources, settings.adminToken, () => this.#agentReply())
    const { listeners, scoreboard, scoreboardFd, passOn } = resources
    const { processes, threads, spares } = settings
    const manager = settings.systemdNotify ? process.env : {}
    this.#systemd = new SystemdNotify(manager, process.pid, (error) => this.#news.report(error))
    this.#children = new Children(
      {
        inheritance: {
          listeners: listeners.map(({ fd }) => fd),
          scoreboard: scoreboardFd,
          ticketKeys: resources.ticketKeys,
          passOn,
          mailbox: resources.mailbox,
          transfer: resources.transfer,
          lockFiles: resources.lockFiles.descriptors,
        },
        scoreboard,
        backlog: () =>
          listeners.reduce((sum, listener) => sum + listener.backlog.length, mailed(resources)),
      },
      createGeneration(0, settings, resources),
      { processes, threads, spares },
    )
    this.#counting = new Counting(resources.counts, () => ownCounts(this.#seen))
    this.#channels = new ChannelHub(this.#children)
    this.#leadership = new Leadership(this.#children, isFirst)
    this.#tls = new TlsRenewal(
      this.#children,
      resources.ticketKeys,
      (action, reason) => this.#news.decide(action, reason),
      (error) => this.#news.report(error),
    )
    this.#recent = new RecentLoad(
      scoreboard,
      () => this.#children.all.map(({ slot }) => slot),
      () => this.#children.sizes.processes.max * this.#children.sizes.threads.max,
    )
    this.#reloads = new Reloads(this.#children, resources, given, settings, {
      begin: () => this.#beginReload(),
      progress: (progress) => {
        const { phase, generation, step } = progress
        if (phase === 'done' || phase === 'failed')
          this.#chronicle.reloaded(phase, generation, step)
        this.emit('reload', progress)
      },
      done: (kinds) => {
        this.#kinds = kinds
        this.#deferAccept()
      },
      // Ready again also when it failed: the old generation serves. But not when the pool stops meanwhile.
      end: () => {
        if (this.#state.now === 'serving') this.#sayReady()
      },
    })
    this.#reloadQueue = new ReloadQueue((changes) => this.#reloads.carryOut(changes))
    this.#handover = new Handover({
      resources,
      reloads: this.#reloadQueue,
      settings: () => this.#settings,
      hurry: this.#hurry.signal,
      done: (pid) => this.#handOver(pid),
    })
    followChildren(this.#children, {
      pool: this,
      state: this.#state,
      news: this.#news,
      chronicle: this.#chronicle,
      slow: this.#slow,
      passOn,
    })
    if (settings.watch) this.#files = this.#watchFiles()
    process.once('exit', this.#cleanUp)
    this.#endReaping = reapOrphans()
  }

  /** Without a word on logging the program follows the pool by its events. */
  async #log({ logger, logFormat, logLevel }: PoolOptions): Promise<void> {
    if (logger !== undefined) this.#logger = logger
    else if (logFormat !== undefined || logLevel !== undefined)
      this.#logger = await createLog({ logFormat, logLevel })
    if (this.#logger !== undefined) logPool(this, this.#logger)
  }

  #answerAdmin(openAdmin: OpenAdmin): void {
    this.#answers.open(openAdmin, {
      stats: () => this.stats(),
      notReady: () => this.#notReady(),
      measures: () => collectMeasures(this.#seen, this.#counting.read()),
      past: () => collectPast(this.#seen, this.#recent),
      cpu: () => collectCpu(this.#seen, this.#counting.read()),
      remark: () => this.#children.mixedCode,
      ranges: () => this.sizes,
      slow: () => this.#slow.report(this.#settings.slowThreshold),
      capture: async ({ process: slot, thread, kind, seconds }) => {
        const child = this.#children.all.find((one) => one.slot === slot)
        if (child === undefined) throw new Error(`there is no process ${slot}`)
        return await child.capture(thread, kind, seconds)
      },
      orders: ordersFor(this, (error) => this.#news.report(error)),
    })
  }

  /** A file that does not load makes the reload fail, and nothing more happens until one of them changes again. */
  #watchFiles(): FileWatch {
    const files = new FileWatch((file) => {
      if (this.#state.now !== 'serving') return
      this.#news.decide('reload', `${file} has changed`)
      this.reload().catch((error) => this.#news.report(error))
    })
    this.#children.on('loaded', (loaded) => files.add(loaded))
    return files
  }

  /** What metrics and the page are about. */
  get #seen(): MeasuresSource {
    const { scoreboard } = this.#resources
    return { children: this.#children, scoreboard, chronicle: this.#chronicle }
  }

  /** See `createPool`. */
  static async create(options: PoolOptions, openAdmin: OpenAdmin): Promise<Pool> {
    const predecessor = Predecessor.find()
    try {
      const pool = await Pool.#create(options, openAdmin, predecessor)
      predecessor?.tellReady()
      return pool
    } catch (error) {
      predecessor?.tellFailed(error)
      throw error
    }
  }

  static async #create(
    options: PoolOptions,
    openAdmin: OpenAdmin,
    predecessor: Predecessor | undefined,
  ): Promise<Pool> {
    checkApiOptions(options)
    const settings = parseOptions(plainOptions(options))
    return await openWhereItListens(options, settings, predecessor, (sized, listens) =>
      Pool.#open(options, sized, openAdmin, predecessor, listens),
    )
  }

  /** Without `listens` nobody knows yet where: @throws ListensElsewhere if the handler is a program that says so. */
  static async #open(
    options: PoolOptions,
    settings: Settings,
    openAdmin: OpenAdmin,
    predecessor: Predecessor | undefined,
    listens: Partial<Settings> | undefined,
  ): Promise<Pool> {
    const { signal } = options
    signal?.throwIfAborted()
    const resources = await acquireListening(settings, predecessor, listens)
    const pool = new Pool(options, settings, resources, predecessor === undefined)
    await pool.#log(options)
    predecessor?.onLeave(() => pool.#claimListeners())
    if (predecessor !== undefined) {
      const isGone = predecessor.untilGone()
      pool.#children.takeover.followOthers(isGone)
      pool.#heedOther()
      void isGone.then(() => {
        if (!pool.#handover.isDone) pool.#forgetOther()
      })
      // Its threads lead until they are gone.
      void isGone.then(() => pool.#leadership.begin())
    }
    // During an upgrade the old parent answers: that the new one is not ready yet is no matter of load balancers.
    if (predecessor === undefined) pool.#answerAdmin(openAdmin)
    const abort = (): void => void pool.close()
    signal?.addEventListener('abort', abort, { once: true })
    pool.#forgetSignal = () => signal?.removeEventListener('abort', abort)
    try {
      await pool.#start(predecessor)
      signal?.throwIfAborted()
      if (predecessor !== undefined) pool.#answerAdmin(openAdmin)
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
    return this.#resources.listeners.map((listener, index) => listener.name(this.#kinds[index]))
  }

  /**
   * A channel that reaches every thread of every process, as `channel` of `forkthread/handler` does there. It must be closed when it
   * is not needed any more.
   */
  channel(name: string): Channel {
    return this.#channels.channels.open(name)
  }

  /** What the pool is doing at this moment. @throws FT_ERR_CLOSED once it is closed */
  stats(): Stats {
    if (this.#state.now === 'closed') throw fail('FT_ERR_CLOSED', ['stats()'])
    return collectStats({
      startedMs: this.#resources.counts.startedMs,
      counts: this.#counting.read(),
      generation: this.#children.generation.number,
      kinds: this.#kinds,
      listeners: this.#resources.listeners,
      children: this.#children,
      scoreboard: this.#resources.scoreboard,
      maxProcesses: this.#children.sizes.processes.max,
      maxThreads: this.#children.sizes.threads.max,
      lastDecision: this.#news.lastDecision,
      recent: this.#recent,
    })
  }

  /**
   * Changes the size of the running pool; what is not given stays. Takes effect within seconds, without a restart:
   * threads and processes above the new limits finish what they have.
   * @throws FT_ERR_OPTION for a wrong value, FT_ERR_CLOSED once the pool is closing
   */
  resize(sizes: PoolSizes): void {
    if (this.#state.now !== 'serving') throw fail('FT_ERR_CLOSED', ['resize()'])
    this.#children.resize({ ...this.#children.sizes, ...parseSizes(sizes) })
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
    if (this.#state.now !== 'serving') throw fail('FT_ERR_CLOSED', ['reload()'])
    await this.#reloadQueue.add(changes)
  }

  /**
   * Starts a new parent (by default the same program with the same arguments, read anew) that takes over the listeners, and closes this pool
   * when the new one serves and has stayed up for `canaryTime`. No connection is refused or lost meanwhile. Resolves with the
   * process id of the new parent; this pool is closed when `close()` resolves. A call while an upgrade runs joins it.
   *
   * @throws FT_ERR_UPGRADE with the reason as its cause: this pool goes on then; FT_ERR_CLOSED
   */
  async upgrade(options: UpgradeOptions = {}): Promise<number> {
    if (this.#state.now !== 'serving') throw fail('FT_ERR_CLOSED', ['upgrade()'])
    this.#heedOther()
    try {
      return await this.#handover.begin(options)
    } catch (error) {
      this.#forgetOther()
      throw error
    }
  }

  /**
   * Opens the access log anew, after it was renamed: what is logged from now on goes to a new file at its path, and nothing is lost or
   * written twice. The command does it on USR1.
   * @throws FT_ERR_ACCESS_LOG if there can be no such file: the pool goes on with the old one
   */
  reopenLogs(): void {
    prepareLogFile(accessLogOf(this.#settings), this.#resources.identity)
    this.#reopen()
  }

  /**
   * Says to load balancers that the pool is not to get new clients: `/ready` is 503, and HAProxy's agent hears `drain`. The pool serves on.
   * @throws FT_ERR_CLOSED once it is closing
   */
  drain(): void {
    if (this.#state.now !== 'serving') throw fail('FT_ERR_CLOSED', ['drain()'])
    if (this.#isDraining) return
    this.#isDraining = true
    this.#news.decide('drain', 'by order: /ready is 503, and the pool serves on')
  }

  /** Takes `drain` back. @throws FT_ERR_CLOSED once it is closing */
  undrain(): void {
    if (this.#state.now !== 'serving') throw fail('FT_ERR_CLOSED', ['undrain()'])
    if (!this.#isDraining) return
    this.#isDraining = false
    this.#news.decide('undrain', 'by order: the pool is ready again')
  }

  /**
   * Ends a thread at once, whatever it does, and with it the requests that it has in flight; it is replaced. The numbers are those of `stats()`.
   * Resolves with the places in the code where it was, from the inside out; with none if they could not be had.
   * @throws FT_ERR_USAGE if there is no such thread
   */
  async killThread(process: number, thread: number): Promise<readonly string[]> {
    const child = this.#children.all.find(
      ({ slot, state }) => slot === process && state === 'ready',
    )
    if (child === undefined) throw fail('FT_ERR_USAGE', [`There is no process ${process}.`])
    this.#news.decide(`kill thread ${thread}`, `by order, of child ${child.pid}`)
    return await child.killThread(thread)
  }

  /** Changes how much the log tells, as `logLevel` does at the start. No matter for a logger without a level. */
  setLogLevel(level: LogLevel): void {
    if (this.#logger !== undefined && 'level' in this.#logger) this.#logger.level = level
    this.#news.decide('log level', `by order: ${level}`)
  }

  /** The address that answers how the pool does, if `admin` was given. */
  get adminAddress(): string | undefined {
    return this.#resources.admin?.name('http')
  }

  /** The address for those who only read, if `metrics` was given. */
  get metricsAddress(): string | undefined {
    return this.#resources.metrics?.name('http')
  }

  /** The address of HAProxy's agent-check, if `agentCheck` was given. */
  get agentAddress(): string | undefined {
    return this.#resources.agent?.name('raw')
  }

  /** What the pool is sized to at present. */
  get sizes(): Sizes {
    return this.#children.sizes
  }

  /**
   * Says that the pool is draining and serves on for `preStopDelay`; then stops accepting, finishes the requests in flight and those that
   * wait in the backlog, and takes everything down: processes, threads, lock file, unix paths. What is not done within
   * `drainTimeout` is cut off.
   */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  /** Like `close`, without patience: all children are killed, and the new parent of an upgrade that runs is told to end at once. */
  async kill(): Promise<void> {
    const closed = this.close()
    this.#hurry.abort()
    this.#children.kill()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #settings(): Settings {
    return this.#reloads.settings
  }

  async #start(predecessor: Predecessor | undefined): Promise<void> {
    this.#kinds = await this.#children.open()
    requireTls(this.#children.generation.terms.listenerTerms, this.#kinds)
    // A handler that is no program is to be served there, and can't be.
    if (this.#resources.refused !== undefined) throw this.#resources.refused
    // An abort during the start has moved on to closing, and closed the listeners.
    if (this.#state.now !== 'starting') return
    this.#deferAccept()
    // Last, so that whoever reads the pid file may use the pool at once. After an upgrade all of it is the old parent's until that leaves.
    if (predecessor === undefined) this.#resources.pidFile?.write()
    else predecessor.onLeave(() => this.#writePidFile())
    this.#state.move('serving')
    this.#sayReady()
    this.#files?.open()
    this.#tls.start()
    // While the pool closes it only has to end, which `drainTimeout` sees to.
    this.#systemd.startWatchdog(
      (intervalMs) =>
        this.#state.now === 'closing' || isAbleToServe(this.#children.all, intervalMs),
    )
    const early = this.#news.notes
    // After `createPool` has resolved, so that somebody may listen.
    setImmediate(() => {
      for (const { slot: process, pid, generation } of this.#children.all)
        this.emit('child', { process, pid, generation })
      this.emit('listening', this.addresses)
      for (const text of early) this.#news.decide('adopt', text)
    })
  }

  /** The old parent leaves, or has died, be it while this one still starts: the unix paths are this one's to remove. */
  #claimListeners(): void {
    for (const listener of this.#resources.listeners) listener.claim()
    this.#answers.claim()
  }

  #writePidFile(): void {
    if (this.#state.now === 'closed') return
    try {
      this.#resources.pidFile?.write()
    } catch (error) {
      this.#news.report(error as Error)
    }
  }

  #sayReady(): void {
    const { number } = this.#children.generation
    const generation = number === 0 ? '' : ` (generation ${number})`
    const status = `Serving on ${this.addresses.join(', ')}${generation}`
    this.#systemd.notify({ ready: true, status })
  }

  /** Where the client speaks first, a thread that takes a connection finds its request there. */
  #deferAccept(): void {
    const { deferAccept } = this.#settings
    for (const [index, listener] of this.#resources.listeners.entries())
      listener.deferAccept(deferAccept ?? this.#kinds[index] !== 'raw')
  }

  #handOver(pid: number): void {
    // The new parent answers at the same address.
    this.#answers.handOver()
    this.#systemd.notify({ mainPid: pid })
    // The new parent is to begin with all that this one has told; what its children still do comes until they are gone.
    this.#counting.settle()
    void this.close()
  }

  /** Another parent of this pool has children, too. */
  #heedOther(): void {
    this.#counting.settleOften()
    this.#rotations.start()
  }

  #forgetOther(): void {
    this.#counting.stop()
    this.#rotations.stop()
  }

  #beginReload(): void {
    if (this.#state.now !== 'serving') throw fail('FT_ERR_CLOSED', ['reload()'])
    this.#systemd.notify({ reloading: true, status: 'Reloading' })
  }

  async #close(): Promise<void> {
    const { preStopDelay } = this.#settings
    const { listeners } = this.#resources
    // Its listeners are the very same: what closes them here would leave the new parent with sockets that let nobody in.
    this.#handover.stop()
    if (this.#state.now === 'serving' && !this.#handover.isDone) {
      this.#systemd.notify({ stopping: true, status: 'Finishing the requests in flight' })
      if (preStopDelay > 0) {
        this.#state.move('draining')
        await sleep(preStopDelay, undefined, { signal: this.#hurry.signal }).catch(() => undefined)
      }
    }
    this.#state.move('closing')
    // First here, then in each child that has emptied the backlog: the last to close makes the kernel refuse.
    for (const listener of listeners) {
      listener.shut()
      listener.close()
    }
    // After an upgrade the other backlogs are the new parent's.
    const ending = listeners.flatMap((listener, index) =>
      this.#handover.includes(listener) ? [] : [index],
    )
    await this.#children.leave(ending, this.#handover.receives)
    this.#release()
  }

  /** The start has failed. */
  async #abandon(): Promise<void> {
    const closed = this.close()
    this.#children.kill()
    await closed
  }

  #release(): void {
    this.#state.move('closed')
    this.#forgetSignal()
    this.#files?.close()
    this.#tls.stop()
    this.#systemd.close()
    this.#recent.stop()
    this.#forgetOther()
    this.#counting.settle()
    this.#children.takeover.stop()
    this.#answers.close()
    releaseResources(this.#resources)
    process.off('exit', this.#cleanUp)
    this.#endReaping()
    this.emit('close')
  }

  /** The process exits under an open pool: children notice it by themselves, files do not. */
  readonly #cleanUp = (): void => {
    if (this.#state.now !== 'closing')
      for (const listener of this.#resources.listeners) listener.close()
    this.#resources.lockFiles.remove()
    this.#resources.pidFile?.release()
  }

  #reopen(): void {
    // Those that leave, too: they have requests to finish.
    for (const child of this.#children.all) child.reopenLogs()
  }

  #agentReply(): string {
    // The new parent speaks for the pool, and for a moment both do.
    const own = this.#isDraining && this.#state.now === 'serving' ? 'draining' : this.#state.now
    const state = this.#handover.isDone ? 'serving' : own
    const notReady = this.#notReady()
    const { threads } = state === 'serving' ? this.stats() : { threads: { idle: 0, max: 0 } }
    return agentReply({ state, notReady, threads })
  }

  #notReady(): string | undefined {
    // The new parent serves at the same addresses.
    if (this.#handover.isDone) return undefined
    if (this.#state.now !== 'serving') return `the pool is ${this.#state.now}`
    if (this.#isDraining) return 'the pool is draining, by order'
    const isAnyReady = this.#children.all.some(({ state }) => state === 'ready')
    return isAnyReady ? undefined : 'no process is ready'
  }
}

/** Connections that wait in the mailbox for a thread. */
function mailed({ mailbox }: Resources): number {
  return mailbox === undefined ? 0 : countWaiting(mailbox.receiveEnd)
}
