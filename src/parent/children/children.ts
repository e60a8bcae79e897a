import { EventEmitter } from 'node:events'
import { fail } from '../../shared/errors.js'
import type { HandlerKind } from '../../shared/terms.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import { Transfer } from '../../sync/transfer.js'
import type { Exit } from './child-news.js'
import { ChildStart } from './child-start.js'
import type { ChildrenEvents } from './children-events.js'
import { describeDeath } from './describe-death.js'
import { hasDied, hasLeft } from './exit-kind.js'
import type { Inheritance } from './fork-process.js'
import { ForkedChild } from './forked-child.js'
import type { Generation } from './generation.js'
import type { Ledger } from './ledger.js'
import type { Sizes } from './sizes.js'
import { Slots } from './slots.js'
import { Takeover } from './takeover.js'

/** A signal to a whole group has reached all of it by then, on a busy machine, too. */
const GROUP_SIGNAL_MS = 250

export interface ChildrenOptions {
  readonly inheritance: Inheritance
  readonly scoreboard: Scoreboard
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

/**
 * The children of the pool: starts, replaces and retires them, tells what they tell, and has them leave at the end. How many there are to be is the matter
 * of `Upkeep`.
 */
export class Children extends EventEmitter<ChildrenEvents> {
  readonly #inheritance: Inheritance
  readonly #scoreboard: Scoreboard
  readonly #slots: Slots<ForkedChild>
  readonly takeover: Takeover
  #generation: Generation
  #sizes: Sizes
  /** Children whose successor has been started: it counts in their place. */
  readonly #replaced = new Set<ForkedChild>()
  #isLeaving = false

  constructor(options: ChildrenOptions, generation: Generation, sizes: Sizes) {
    super()
    const { inheritance, scoreboard } = options
    this.#inheritance = inheritance
    this.#scoreboard = scoreboard
    this.#generation = generation
    this.#sizes = sizes
    this.#slots = new Slots(scoreboard)
    const { transfer } = inheritance
    this.takeover = new Takeover(() => this.all, transfer && new Transfer(transfer, scoreboard))
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

  /** How many more there may be. */
  get room(): number {
    return this.#slots.room
  }

  /** Whether a successor of any has been started that has not taken its place yet. */
  get isReplacing(): boolean {
    return this.#replaced.size > 0
  }

  /** Whether that is so of this one: its successor counts in its place. */
  isReplaced(child: ForkedChild): boolean {
    return this.#replaced.has(child)
  }

  get ledger(): Ledger {
    return this.#slots.ledger
  }

  /**
   * Starts a child of the present generation; from its readiness on it counts. Resolves with what each listener serves. Only the `first` ones of a pool can
   * tell where their program listens.
   * @throws see `ChildStart.ready`
   */
  async start(which: 'first' | 'later'): Promise<readonly HandlerKind[]> {
    return await this.#start(this.#generation, this.#sizes, this.#sizes.threads.min, which).ready
  }

  /** New sizes, taken up without a restart. */
  resize(sizes: Sizes): void {
    this.#sizes = sizes
    const { threads, spares } = sizes
    for (const child of this.all) child.resize(threads, spares)
    this.emit('changed')
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
    const { child, ready } = this.#start(generation, sizes, threads, 'later')
    try {
      const kinds = await ready
      await proof?.(child)
      if (old !== undefined) this.retire(old, reason)
      await gone
      return kinds
    } catch (error) {
      this.#forgetReplaced(old)
      this.retire(child, 'it was to replace another one and failed')
      throw error
    }
  }

  /** Has a child finish and leave, if it serves. */
  retire(child: ForkedChild, reason: string): void {
    // It may have died, or been retired for something else, while its successor started.
    if (child.state !== 'ready') return
    this.emit('decision', `retire child ${child.pid}`, reason, child.originOf())
    child.retire(this.#generation.drainTimeout)
  }

  /** Has a child leave that needs no successor. Resolves when it is gone. */
  async dismiss(child: ForkedChild, reason: string): Promise<void> {
    this.retire(child, reason)
    await child.untilGone()
  }

  /**
   * Has all leave: they finish what they have and what waits in `backlogs` (numbers of listeners), and are killed after
   * `drainTimeout`. With `moves` another parent's children go on with idle connections. Resolves when all are gone.
   */
  async leave(backlogs: readonly number[], moves: boolean): Promise<void> {
    this.#isLeaving = true
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

  #start(
    generation: Generation,
    sizes: Sizes,
    firstThreads: number,
    which: 'first' | 'later',
  ): ChildStart {
    const slot = this.#slots.prepare(firstThreads)
    const { threads, spares } = sizes
    const { number, terms, startTimeout } = generation
    const learns = terms.learns && which === 'first'
    const start = { ...terms, learns, generation: number, slot, threads, firstThreads, spares }
    const child = new ForkedChild(this.#inheritance, start)
    this.#slots.take(child)
    this.#follow(child)
    const started = new ChildStart(child, terms.handler, startTimeout)
    child.once('ready', () => {
      this.takeover.ready(child)
      this.emit('ready', child)
    })
    child.once('exit', (exit) => this.#ended(started, exit))
    return started
  }

  /** Passes on what it tells, and takes up what is the parent's matter. */
  #follow(child: ForkedChild): void {
    child.on('report', (error, thread) => this.emit('report', error, child.originOf(thread)))
    child.on('thread', (phase, thread) => {
      const { slot: process, pid, generation } = child
      this.emit('thread', { process, pid, generation, thread, phase })
    })
    child.on('decision', (action, reason, thread) => {
      this.emit('resized', action)
      this.emit('decision', `child ${child.pid}: ${action}`, reason, child.originOf(thread))
    })
    child.on('channel', (...post) => this.emit('channel', child, ...post))
    child.on('resigned', (thread) => this.emit('resigned', child, thread))
    child.on('loaded', (files) => this.emit('loaded', files))
    child.on('notice', (text) => this.emit('notice', text))
    child.on('slow', (episode) => this.emit('slow', episode))
    child.on('pressure', () => this.emit('changed'))
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
      this.retire(child, 'it was sent TERM')
      this.emit('changed')
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
      this.emit('changed')
      return
    }
    if (cutOff !== undefined) {
      // Planned, if not by its clients: nothing is wrong with the next start.
      cutOff.cause = fail('FT_ERR_CHILD_DIED', [child.pid, death])
      this.emit('report', cutOff, child.originOf())
      this.emit('changed')
      return
    }
    if (this.#isLeaving) return
    const died = fail('FT_ERR_CHILD_DIED', [child.pid, death], start.reason)
    this.emit('report', died, child.originOf())
    this.emit('died', child)
  }

  #forgetReplaced(old: ForkedChild | undefined): void {
    if (old !== undefined) this.#replaced.delete(old)
  }
}
