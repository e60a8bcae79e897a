import { EventEmitter } from 'node:events'
import { fail } from '../../shared/errors.js'
import type { Origin } from '../../shared/logger.js'
import { RestartDelay } from '../../shared/restart-delay.js'
import type { HandlerKind } from '../../shared/terms.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import { Transfer } from '../../sync/transfer.js'
import type { Exit } from './child-news.js'
import { ChildStart } from './child-start.js'
import type { ChildrenEvents } from './children-events.js'
import { CodeWatch } from './code-watch.js'
import { describeDeath } from './describe-death.js'
import { hasDied, hasLeft } from './exit-kind.js'
import type { Inheritance } from './fork-process.js'
import { ForkedChild } from './forked-child.js'
import type { Generation } from './generation.js'
import type { Ledger } from './ledger.js'
import { LoadWatch } from './load-watch.js'
import { findRecyclable } from './recyclable.js'
import type { Sizes } from './sizes.js'
import { Slots } from './slots.js'
import { StartLimit } from './start-limit.js'
import { StuckWatch } from './stuck-watch.js'
import { Takeover } from './takeover.js'

/** How often the parent looks at the size of the pool when nothing makes it look earlier. */
const LOOK_EVERY_MS = 1000

/** A signal to a whole group has reached all of it by then, on a busy machine, too. */
const GROUP_SIGNAL_MS = 250

export interface ChildrenOptions {
  readonly inheritance: Inheritance
  readonly scoreboard: Scoreboard
  /** Connections that wait in all backlogs, and parked ones that wait for a thread. */
  readonly backlog: () => number
}

/** A child takes the place of another one. */
export interface Replacement {
  readonly generation: Generation
  /** Asked when the successor starts. */
  readonly sizes: () => Sizes
  readonly reason: string
  /** What the successor must pass, once it is ready, before the other one leaves. */
  readonly proof?: (successor: ForkedChild) => Promise<void>
}

/** The children of the pool: as many as the spares ask for, within the limits, and each that dies replaced. */
export class Children extends EventEmitter<ChildrenEvents> {
  readonly #inheritance: Inheritance
  readonly #scoreboard: Scoreboard
  readonly #backlog: () => number
  readonly #slots: Slots<ForkedChild>
  readonly #startLimit = new StartLimit()
  readonly #stuckWatch: StuckWatch
  readonly #loadWatch: LoadWatch
  readonly takeover: Takeover
  #generation: Generation
  #sizes: Sizes
  #looks: NodeJS.Timeout | undefined
  readonly #delay = new RestartDelay({
    wait: (ms, reason) => this.emit('decision', `wait ${ms} ms before the next start`, reason, {}),
    over: () => this.look(),
  })
  /** Children whose successor has been started: it counts in their place. */
  readonly #replaced = new Set<ForkedChild>()
  #isLeaving = false
  readonly #code = new CodeWatch((text) => this.emit('notice', text))

  constructor(options: ChildrenOptions, generation: Generation, sizes: Sizes) {
    super()
    const { inheritance, scoreboard, backlog } = options
    this.#inheritance = inheritance
    this.#scoreboard = scoreboard
    this.#backlog = backlog
    this.#generation = generation
    this.#sizes = sizes
    this.#slots = new Slots(scoreboard)
    this.#loadWatch = new LoadWatch(scoreboard)
    const { transfer } = inheritance
    this.takeover = new Takeover(() => this.all, transfer && new Transfer(transfer, scoreboard))
    this.#stuckWatch = new StuckWatch(scoreboard, () => this.emit('stuck'))
  }

  get all(): readonly ForkedChild[] {
    return this.#slots.all
  }

  get sizes(): Sizes {
    return this.#sizes
  }

  /** What new children run with. */
  get generation(): Generation {
    return this.#generation
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** Why processes of one generation may differ in their code, if they may. */
  get mixedCode(): string | undefined {
    return this.#code.mixed(this.#generation)
  }

  get ledger(): Ledger {
    return this.#slots.ledger
  }

  /**
   * Starts the first `processes.min` children; resolves with what each listener serves when all are ready. From then on
   * the number follows the load.
   * @throws the handler's error (FT_ERR_HANDLER_LOAD, FT_ERR_HANDLER_EXPORT), FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT; ListensElsewhere
   *   if it wants to be told where to listen
   */
  async open(): Promise<readonly HandlerKind[]> {
    const { min } = this.#sizes.processes
    this.emit(
      'decision',
      `start ${plural(min, 'process')}`,
      'processes.min at the start of the pool',
      {},
    )
    const kinds = await Promise.all(Array.from({ length: min }, () => this.#start().ready))
    if (!this.#isLeaving) this.#looks = setInterval(() => this.look(), LOOK_EVERY_MS)
    return kinds[0] ?? []
  }

  /** New sizes, taken up without a restart. */
  resize(sizes: Sizes): void {
    this.#sizes = sizes
    const { threads, spares } = sizes
    for (const child of this.all) child.resize(threads, spares)
    this.look()
  }

  /** From now on new children are of this generation; those of the old one stay until they are replaced. */
  advance(generation: Generation, sizes: Sizes): void {
    this.#generation = generation
    this.resize(sizes)
  }

  /**
   * Starts a successor, has it pass its proof, and retires `old`. Resolves with what each listener serves when `old` is gone.
   * If the successor fails, `old` stays. Without an `old` it is one child more.
   * @throws what a start throws, what the proof throws, and FT_ERR_CLOSED when all leave
   */
  async replace(
    old: ForkedChild | undefined,
    replacement: Replacement,
  ): Promise<readonly HandlerKind[]> {
    // Others that leave may have all the places: up to twice the usual number, and no more.
    while (this.#slots.room === 0 && !this.#isLeaving) await this.#slots.nextFree()
    // `leave` asks those that are there, and the descriptors to be inherited may be closed by now.
    if (this.#isLeaving) throw fail('FT_ERR_CLOSED', ['the start of a process'])
    const { generation, reason, proof } = replacement
    const sizes = replacement.sizes()
    const gone = old?.untilGone()
    if (old !== undefined) this.#replaced.add(old)
    void gone?.then(() => this.#forgetReplaced(old))
    // A child that has grown is followed by one of its size, or the pool would be smaller for a while.
    const { min, max } = sizes.threads
    const threads =
      old === undefined ? min : Math.max(Math.min(this.#scoreboard.rows.count(old.slot), max), min)
    const { child, ready } = this.#start(generation, sizes, threads)
    try {
      const kinds = await ready
      await proof?.(child)
      if (old !== undefined) this.#retire(old, reason)
      await gone
      return kinds
    } catch (error) {
      this.#forgetReplaced(old)
      this.#retire(child, 'it was to replace another one and failed')
      throw error
    }
  }

  /** Has a child leave that needs no successor. Resolves when it is gone. */
  async dismiss(child: ForkedChild, reason: string): Promise<void> {
    this.#retire(child, reason)
    await child.untilGone()
  }

  /**
   * Has all leave: they finish what they have and what waits in `backlogs` (numbers of listeners), and are killed after
   * `drainTimeout`. With `moves` another parent's children go on with idle connections. Resolves when all are gone.
   */
  async leave(backlogs: readonly number[], moves: boolean): Promise<void> {
    this.#isLeaving = true
    clearInterval(this.#looks)
    this.#delay.stop()
    const gone = this.all.map((child) => child.untilGone())
    for (const child of this.all) {
      // One that has not served yet has nothing to finish.
      if (child.state === 'starting') child.kill()
      else {
        child.drain({ backlogs, emptyMailbox: true, moves })
        child.limitDrain(this.#generation.drainTimeout)
      }
    }
    await Promise.all(gone)
  }

  /** Has all open the access log anew. Those that leave, too: they have requests to finish. */
  reopenLogs(): void {
    for (const child of this.all) child.reopenLogs()
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
    const backlog = this.#backlog()
    this.#stuckWatch.look(this.all, backlog, now)
    const load = {
      sizes: this.#sizes,
      serving: this.all.filter((child) => child.state === 'ready' && !this.#replaced.has(child)),
      starting: this.all.filter(({ state }) => state === 'starting').length,
      backlog,
    }
    const decision = this.#loadWatch.look(load, now)
    if (decision?.action === 'start') {
      if (this.#delay.isWaiting) return
      const granted = this.#startLimit.grant(Math.min(decision.count, this.#slots.room), now)
      this.#loadWatch.started(granted)
      if (granted > 0)
        this.emit('decision', `start ${plural(granted, 'process')}`, decision.reason, {})
      for (let more = granted; more > 0; more--) void this.#startKept()
    } else if (this.#replaced.size > 0) {
      // The successor that proves itself must not go, and one replacement at a time is enough.
      return
    } else if (decision?.action === 'retire') {
      // What could not be had again, with this code, must not go.
      if (!this.#code.isTheSame(this.#generation)) return
      this.#loadWatch.gaveBack()
      for (const slot of decision.slots) {
        const child = this.#slots.get(slot)
        if (child !== undefined) this.#retire(child, decision.reason)
      }
    } else this.#recycleOne()
  }

  /** Starts one child; from its readiness on it is replaced if it dies. */
  #start(
    generation = this.#generation,
    sizes = this.#sizes,
    firstThreads = sizes.threads.min,
  ): ChildStart {
    const slot = this.#slots.prepare(firstThreads)
    const { threads, spares } = sizes
    const { number, terms, startTimeout } = generation
    // Only the first start is told so late where to listen.
    const learns = terms.learns && this.#looks === undefined
    const start = { ...terms, learns, generation: number, slot, threads, firstThreads, spares }
    const child = new ForkedChild(this.#inheritance, start)
    this.#slots.take(child)
    this.#follow(child)
    const started = new ChildStart(child, terms.handler, startTimeout)
    child.once('ready', () => {
      this.#delay.startSucceeded()
      this.takeover.ready(child)
      this.emit('ready', child)
    })
    child.once('exit', (exit) => this.#ended(started, exit))
    return started
  }

  /** Passes on what it tells, and takes up what is the parent's matter. */
  #follow(child: ForkedChild): void {
    child.on('report', (error, thread) => this.emit('report', error, originOf(child, thread)))
    child.on('thread', (phase, thread) => {
      const { slot: process, pid, generation } = child
      this.emit('thread', { process, pid, generation, thread, phase })
    })
    child.on('decision', (action, reason, thread) => {
      // As long as children change their own sizes, a surplus of the pool is not what it was.
      this.#loadWatch.sizeChanged()
      if (action.startsWith('start') || action.startsWith('recycle'))
        this.#code.isTheSame(this.#generation)
      this.emit('decision', `child ${child.pid}: ${action}`, reason, originOf(child, thread))
    })
    child.on('channel', (...post) => this.emit('channel', child, ...post))
    child.on('resigned', (thread) => this.emit('resigned', child, thread))
    child.on('loaded', (files) => this.emit('loaded', files))
    child.on('notice', (text) => this.emit('notice', text))
    child.on('slow', (episode) => this.emit('slow', episode))
    child.on('pressure', () => this.look())
    child.on('leaving', () => this.#letLeave(child))
    child.on('moves', () => this.takeover.begin())
  }

  /**
   * It was sent a TERM. Was the whole group, then this parent reads its own a moment later, and `leave` tells the child more
   * than this does. Meanwhile it serves on, so nothing is lost by waiting.
   */
  #letLeave(child: ForkedChild): void {
    setTimeout(() => {
      if (this.#isLeaving) return
      if (child.state === 'starting') child.kill()
      this.#retire(child, 'it was sent TERM')
      this.look()
    }, GROUP_SIGNAL_MS)
  }

  #ended(start: ChildStart, exit: Exit): void {
    const { child } = start
    // From the scoreboard, which is cleared next.
    const death = describeDeath(child, exit, this.#scoreboard)
    const { cutOff } = child
    this.#slots.free(child, hasDied(child, exit))
    this.takeover.gone()
    this.emit('exit', child, exit, child.isLeaving)
    if (!start.end(death)) return
    if (hasLeft(child, exit)) {
      this.look()
      return
    }
    if (cutOff !== undefined) {
      // Planned, if not by its clients: nothing is wrong with the next start.
      cutOff.cause = fail('FT_ERR_CHILD_DIED', [child.pid, death])
      this.emit('report', cutOff, originOf(child))
      this.look()
      return
    }
    if (this.#isLeaving) return
    const died = fail('FT_ERR_CHILD_DIED', [child.pid, death], start.reason)
    this.emit('report', died, originOf(child))
    this.#delay.died(`child ${child.pid}`, child.livedMs)
  }

  /** Starts a child of an open pool: a failure is reported and tried again later. */
  async #startKept(): Promise<void> {
    this.#code.isTheSame(this.#generation)
    try {
      await this.#start().ready
    } catch (error) {
      this.#startFailed(error as Error)
    }
  }

  #startFailed(error: Error): void {
    if (this.#isLeaving) return
    this.emit('report', error, {})
    this.#delay.startFailed()
  }

  #retire(child: ForkedChild, reason: string): void {
    // It may have died, or been retired for something else, while its successor started.
    if (child.state !== 'ready') return
    this.emit('decision', `retire child ${child.pid}`, reason, originOf(child))
    child.retire(this.#generation.drainTimeout)
  }

  /** One child at a time goes for its age or the size of its memory; its successor is ready first. */
  #recycleOne(): void {
    if (this.#delay.isWaiting || this.#slots.room === 0) return
    const { recycle } = this.#generation
    const found = findRecyclable(this.all, recycle)
    if (found === undefined) return
    const { child, reason } = found
    this.#code.isTheSame(this.#generation)
    this.emit('decision', `recycle child ${child.pid}`, reason, originOf(child))
    const replacement = { generation: this.#generation, sizes: () => this.#sizes, reason }
    this.replace(child, replacement).catch((error) => this.#startFailed(error))
  }

  #forgetReplaced(old: ForkedChild | undefined): void {
    if (old !== undefined) this.#replaced.delete(old)
  }
}

function originOf({ slot, pid, generation }: ForkedChild, thread?: number): Origin {
  return { process: slot, pid, generation, ...(thread === undefined ? {} : { thread }) }
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 'es'}`
}
