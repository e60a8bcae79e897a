import { EventEmitter } from 'node:events'
import { fail } from '../errors.js'
import type { HandlerKind, Range } from '../messages.js'
import { count } from '../sync/bits.js'
import { MAX_PROCESSES, MAX_THREADS } from '../sync/limits.js'
import type { Scoreboard, Totals } from '../sync/scoreboard.js'
import { decideProcesses, type ProcessSituation } from './decide-processes.js'
import { describeDeath } from './describe-death.js'
import { type Exit, ForkedChild, type Inheritance, type StartTerms } from './forked-child.js'
import { processUsage } from './process-usage.js'
import { StartLimit } from './start-limit.js'

/** How often the parent looks at the size of the pool when nothing makes it look earlier. */
const LOOK_EVERY_MS = 1000

/** A child that dies at once is replaced ever later, so that a broken handler makes no fork storm. */
const SHORTEST_RESTART_MS = 100
const LONGEST_RESTART_MS = 10_000
/** One that was ready has served something, and may again: the pool must not be without children for long. */
const LONGEST_RESTART_OF_READY_MS = 1000
/** A child that has lived this long was not a failed start. */
const SETTLED_MS = 10_000

/** Connections that wait for so long although threads idle have been overlooked by somebody. */
const STUCK_MS = 1000
/** Whoever gives no sign of life for so long after being asked is taken for stopped. */
const SILENT_MS = 2000
/** With all threads busy connections may rightly wait, and a child that is short of CPU time may be slow to answer. */
const SILENT_WHEN_BUSY_MS = 10_000

export interface ChildrenEvents {
  ready: [ForkedChild]
  report: [Error]
  decision: [action: string, reason: string]
  /** Threads idle, and yet connections wait: whoever has been called shall call the next. */
  stuck: []
  /** The child is gone; `expected` if it was asked to leave. */
  exit: [child: ForkedChild, exit: Exit, expected: boolean]
}

export interface ChildrenOptions {
  readonly inheritance: Inheritance
  readonly terms: Omit<StartTerms, 'slot' | 'generation' | 'threads' | 'spares'>
  readonly startTimeout: number
  readonly drainTimeout: number
  readonly recycle: { readonly lifetime: number; readonly rss: number }
  /** Connections that wait in all backlogs. */
  readonly backlog: () => number
}

export interface Sizes {
  readonly processes: Range
  readonly threads: Range
  readonly spares: Range
}

/** The children of the pool: as many as the spares ask for, within the limits, and each that dies replaced. */
export class Children extends EventEmitter<ChildrenEvents> {
  readonly #options: ChildrenOptions
  readonly #scoreboard: Scoreboard
  readonly #bySlot = new Map<number, ForkedChild>()
  readonly #startLimit = new StartLimit()
  readonly #generation = 0
  #sizes: Sizes
  #looks: NodeJS.Timeout | undefined
  #restartMs = SHORTEST_RESTART_MS
  /** Before it fires no child is started, because one has died. */
  #delay: NodeJS.Timeout | undefined
  /** One after the other. */
  #failedStarts = 0
  #surplusSince: number | undefined
  #lastRound = 0
  #backloggedLooks = 0
  /** Since when connections have waited, and since when they have although threads idle. */
  #waitingSince: number | undefined
  #stuckSince: number | undefined
  /** The child that is being replaced for its age or size. */
  #recycled: ForkedChild | undefined
  /** Why the parent has killed a child; its death is reported with that. */
  readonly #condemned = new WeakMap<ForkedChild, Error>()
  #isLeaving = false
  #deaths = 0
  #threadDeaths = 0
  /** What children did that are gone. */
  readonly #past: Totals = { accepted: 0, requests: 0, errors: 0 }

  constructor(options: ChildrenOptions, sizes: Sizes, scoreboard: Scoreboard) {
    super()
    this.#options = options
    this.#sizes = sizes
    this.#scoreboard = scoreboard
  }

  get all(): readonly ForkedChild[] {
    return [...this.#bySlot.values()].sort((a, b) => a.slot - b.slot)
  }

  get sizes(): Sizes {
    return this.#sizes
  }

  get deaths(): number {
    return this.#deaths
  }

  get threadDeaths(): number {
    let deaths = this.#threadDeaths
    for (const slot of this.#bySlot.keys()) deaths += this.#scoreboard.field(slot, 'threadDeaths')
    return deaths
  }

  /** What all children did so far. */
  get totals(): Readonly<Totals> {
    const sum = { ...this.#past }
    for (const slot of this.#bySlot.keys()) add(sum, this.#scoreboard.totals(slot))
    return sum
  }

  /**
   * Starts the first `processes.min` children; resolves with the kind of their handler when all are ready. From then on
   * the number follows the load.
   * @throws the handler's error (FT_ERR_HANDLER_LOAD, FT_ERR_HANDLER_EXPORT), FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT
   */
  async open(): Promise<HandlerKind> {
    const { min } = this.#sizes.processes
    this.emit(
      'decision',
      `start ${plural(min, 'process')}`,
      'processes.min at the start of the pool',
    )
    const kinds = await Promise.all(Array.from({ length: min }, () => this.#start()))
    if (!this.#isLeaving) this.#looks = setInterval(() => this.look(), LOOK_EVERY_MS)
    return kinds[0] ?? 'http'
  }

  /** New sizes, taken up without a restart. */
  resize(sizes: Sizes): void {
    this.#sizes = sizes
    const { threads, spares } = sizes
    for (const child of this.#bySlot.values()) child.resize(threads, spares)
    this.look()
  }

  /** Has all leave: they finish what they have, and are killed after `drainTimeout`. Resolves when all are gone. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    clearInterval(this.#looks)
    clearTimeout(this.#delay)
    const gone = this.all.map((child) => new Promise((resolve) => child.once('exit', resolve)))
    for (const child of this.all) {
      // One that has not served yet has nothing to finish.
      if (child.state === 'starting') child.kill()
      else child.drain(true)
    }
    const late = setTimeout(() => this.kill(), this.#options.drainTimeout)
    await Promise.all(gone)
    clearTimeout(late)
  }

  /** Ends all at once. */
  kill(): void {
    this.#isLeaving = true
    for (const child of this.all) child.kill()
  }

  /** Compares what there is with what there should be, and starts, retires, recycles or ends what is stuck. */
  look(): void {
    if (this.#isLeaving || this.#looks === undefined) return
    const now = performance.now()
    const { processes: limits, threads, spares } = this.#sizes
    this.#endStuck(now)
    const serving = this.#serving()
    const starting = this.all.filter(({ state }) => state === 'starting').length
    // What starts counts as idle: threads of serving children, and those that a starting child will have.
    let idle = starting * threads.min
    let growable = 0
    for (const child of serving) {
      idle += count(this.#scoreboard.field(child.slot, 'idleWord'))
      idle += this.#scoreboard.startingThreads(child.slot)
      growable += Math.max(0, threads.max - child.threads)
    }
    const isWaiting = idle === 0 && this.#options.backlog() > 0
    this.#backloggedLooks = isWaiting ? this.#backloggedLooks + 1 : 0
    if (idle <= spares.max) this.#surplusSince = undefined
    else this.#surplusSince ??= now
    const decision = decideProcesses({
      limits,
      spares,
      serving,
      starting,
      idle,
      growable,
      isBacklogged: this.#backloggedLooks > 1,
      surplusMs: this.#surplusSince === undefined ? 0 : now - this.#surplusSince,
      lastRound: this.#lastRound,
    })
    this.#lastRound = 0
    if (decision?.action === 'start') {
      if (this.#delay !== undefined) return
      const granted = this.#startLimit.grant(decision.count, now)
      this.#lastRound = granted
      if (granted > 0) this.emit('decision', `start ${plural(granted, 'process')}`, decision.reason)
      for (let more = granted; more > 0; more--) this.#startKept()
    } else if (decision?.action === 'retire') {
      this.#surplusSince = undefined
      const child = this.#bySlot.get(decision.slot)
      if (child !== undefined) this.#retire(child, decision.reason)
    } else this.#recycleOne()
  }

  /** Starts one child; from its readiness on it is replaced if it dies. */
  async #start(): Promise<HandlerKind> {
    const slot = this.#freeSlot()
    const { inheritance, terms, startTimeout } = this.#options
    const { threads, spares } = this.#sizes
    // A child that scribbled over the header must not keep all later ones from starting.
    this.#scoreboard.format()
    this.#scoreboard.openProcess(slot, threads.min)
    const generation = this.#generation
    const child = new ForkedChild(inheritance, { ...terms, threads, spares, slot, generation })
    this.#bySlot.set(slot, child)
    child.on('report', (error) => this.emit('report', error))
    child.on('decision', (action, reason) => {
      // As long as children change their own sizes, a surplus of the pool is not what it was.
      this.#surplusSince = undefined
      this.emit('decision', `child ${child.pid}: ${action}`, reason)
    })
    child.on('pressure', () => this.look())
    return await new Promise((resolve, reject) => {
      let isReady = false
      let failure: Error | undefined
      const late = setTimeout(() => {
        failure = fail('FT_ERR_START_TIMEOUT', [child.pid, startTimeout])
        child.kill()
      }, startTimeout)
      child.once('failed', (error) => {
        failure = error
      })
      child.once('ready', (kind) => {
        clearTimeout(late)
        isReady = true
        this.#failedStarts = 0
        this.emit('ready', child)
        resolve(kind)
      })
      child.once('exit', (exit) => {
        clearTimeout(late)
        const death = describeDeath(child, exit, this.#scoreboard)
        this.#forget(child, exit)
        if (!isReady) return reject(failure ?? fail('FT_ERR_CHILD_DIED', [child.pid, death]))
        if (hasLeft(child, exit)) {
          // It was asked to; or it was sent a TERM of its own, and is missed.
          this.look()
          return
        }
        const reason = this.#condemned.get(child) ?? failure
        if (!this.#isLeaving)
          this.emit('report', fail('FT_ERR_CHILD_DIED', [child.pid, death], reason))
        const isSettled = Date.now() - child.startedAt > SETTLED_MS
        const longestMs = isSettled ? SHORTEST_RESTART_MS : LONGEST_RESTART_OF_READY_MS
        this.#restartMs = Math.min(this.#restartMs, longestMs)
        this.#delayStarts(`child ${child.pid} died`)
      })
    })
  }

  /** Starts a child of an open pool: a failure is reported and tried again later. Resolves to whether it is ready. */
  async #startKept(): Promise<boolean> {
    try {
      await this.#start()
      return true
    } catch (error) {
      if (!this.#isLeaving) this.emit('report', error as Error)
      const failed = ++this.#failedStarts
      this.#delayStarts(`${failed} ${failed === 1 ? 'start' : 'starts'} in a row failed`)
      return false
    }
  }

  /** What dies while a start waits already makes it wait no longer: many that die together do so for one reason. */
  #delayStarts(reason: string): void {
    if (this.#isLeaving || this.#delay !== undefined) return
    const delayMs = this.#restartMs
    this.emit('decision', `wait ${delayMs} ms before the next start`, reason)
    this.#delay = setTimeout(() => {
      this.#delay = undefined
      this.look()
    }, delayMs)
    this.#restartMs = Math.min(delayMs * 2, LONGEST_RESTART_MS)
  }

  #retire(child: ForkedChild, reason: string): void {
    // It may have died, or been retired for something else, while its successor started.
    if (child.state !== 'ready') return
    this.emit('decision', `retire child ${child.pid}`, reason)
    child.drain(false)
    const { drainTimeout } = this.#options
    const late = setTimeout(() => {
      this.#condemn(child, fail('FT_ERR_DRAIN_TIMEOUT', [`Child ${child.pid}`, drainTimeout]))
    }, drainTimeout)
    child.once('exit', () => clearTimeout(late))
  }

  /** Kills a child; the report of its death will have the reason. */
  #condemn(child: ForkedChild, reason: Error): void {
    this.#condemned.set(child, reason)
    child.kill()
  }

  /** One child at a time goes for its age or the size of its memory; its successor is ready first. */
  #recycleOne(): void {
    const { lifetime, rss } = this.#options.recycle
    if (this.#recycled !== undefined || (lifetime === 0 && rss === 0)) return
    if (this.#delay !== undefined) return
    for (const child of this.all) {
      if (child.state !== 'ready') continue
      const age = Date.now() - child.startedAt
      // Children that started together shall not all go together.
      const jitter = 1 + (child.pid % 100) / 1000
      const rssBytes = rss > 0 ? processUsage(child.pid).rssBytes : 0
      const reason =
        lifetime > 0 && age >= lifetime * jitter
          ? `it is ${age} ms old, recycleLifetime is ${lifetime}`
          : rss > 0 && rssBytes >= rss
            ? `it has ${rssBytes} bytes in memory, recycleRss is ${rss}`
            : undefined
      if (reason === undefined) continue
      this.#recycled = child
      this.emit('decision', `recycle child ${child.pid}`, reason)
      const abandon = (): void => {
        if (this.#recycled === child) this.#recycled = undefined
      }
      child.once('exit', abandon)
      void this.#startKept().then((isReady) => {
        if (isReady) this.#retire(child, reason)
        else abandon()
      })
      return
    }
  }

  /**
   * Connections have waited for a while. If threads idle, either a wake-up went astray with a child that is stopped or
   * swapped out, or such a child holds the accept mutex; if none idles, every child may be stopped. Each is asked for a
   * sign of life, and whoever gives none is killed: the kernel then frees the mutex.
   */
  #endStuck(now: number): void {
    const ready = this.all.filter(({ state }) => state === 'ready')
    const isWaiting = this.#options.backlog() > 0
    const isAnyIdle = ready.some(({ slot }) => this.#scoreboard.field(slot, 'idleWord') !== 0)
    this.#waitingSince = isWaiting ? (this.#waitingSince ?? now) : undefined
    this.#stuckSince = isWaiting && isAnyIdle ? (this.#stuckSince ?? now) : undefined
    if (this.#waitingSince === undefined || now - this.#waitingSince < STUCK_MS) return
    const isStuck = this.#stuckSince !== undefined && now - this.#stuckSince >= STUCK_MS
    if (isStuck) this.emit('stuck')
    for (const child of ready) {
      child.ask()
      if (child.silentMs < (isStuck ? SILENT_MS : SILENT_WHEN_BUSY_MS)) continue
      this.#condemn(child, fail('FT_ERR_CHILD_STUCK', [child.pid]))
    }
  }

  /** Without the one that is being replaced: its successor counts in its place. */
  #serving(): ProcessSituation[] {
    const serving: ProcessSituation[] = []
    for (const child of this.all) {
      const { slot, state, startedAt } = child
      if (state !== 'ready' || child === this.#recycled) continue
      let threads = 0
      let inFlight = 0
      let connections = 0
      for (let thread = 0; thread < MAX_THREADS; thread++) {
        const row = this.#scoreboard.readRow(slot, thread)
        if (row.state !== '.') threads++
        inFlight += row.inFlight
        connections += row.connections
      }
      serving.push({ slot, threads, inFlight, connections, startedAt })
    }
    return serving
  }

  /** Keeps a gone child's sums and frees its slot. */
  #forget(child: ForkedChild, exit: Exit): void {
    add(this.#past, this.#scoreboard.totals(child.slot))
    this.#threadDeaths += this.#scoreboard.field(child.slot, 'threadDeaths')
    if (!hasLeft(child, exit)) this.#deaths++
    this.#scoreboard.closeProcess(child.slot)
    this.#bySlot.delete(child.slot)
    this.emit('exit', child, exit, child.isLeaving)
  }

  #freeSlot(): number {
    for (let slot = 0; slot < MAX_PROCESSES; slot++) if (!this.#bySlot.has(slot)) return slot
    throw new Error('unreachable: more processes than slots')
  }
}

/** Whether it ended as one does that was asked to leave; one on its leave may die of something else. */
function hasLeft(child: ForkedChild, exit: Exit): boolean {
  return child.isLeaving && exit.code === 0
}

function add(sum: Totals, more: Readonly<Totals>): void {
  sum.accepted += plausible(more.accepted)
  sum.requests += plausible(more.requests)
  sum.errors += plausible(more.errors)
}

/** A child may have written anything; NaN would stay in the sums for ever. */
function plausible(figure: number): number {
  return Number.isSafeInteger(figure) && figure > 0 ? figure : 0
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 'es'}`
}
