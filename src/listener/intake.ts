import type { Acceptor } from '../sync/acceptor.js'
import { acceptable, type Capacity, capacityOf } from '../sync/admission.js'
import { LockOwner } from '../sync/child-memory.js'
import { monotonicMs } from '../sync/clock.js'
import { descriptorOf } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { HistogramCells } from '../sync/histogram-cells.js'
import type { LateRefusal } from '../sync/late-refusal.js'
import { ListenerState, type Scoreboard } from '../sync/scoreboard.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { PollSet } from '../sys/poll.js'

/** No descriptors or no memory: only time can mend it. The pause doubles up to the longest. */
const SHORTEST_BACKOFF_MS = 10
const LONGEST_BACKOFF_MS = 1000

/** How long a child without idle threads leaves a connection to one that has some; doubles while it lasts. */
const SHORTEST_STEP_BACK_MS = 2
const LONGEST_STEP_BACK_MS = 100

/**
 * A woken thread takes what is queued within a fraction of a millisecond. If something is queued for longer than
 * this, the thread that was woken is blocked by code outside a request, and another one is woken.
 */
export const LATE_WAKE_MS = 10

export interface IntakeOptions {
  readonly slot: number
  /** Becomes readable when the thread shall look whether it is to stop. */
  readonly wakeDescriptor: number
  readonly acceptor: Acceptor
  readonly handOff: HandOff
  readonly scoreboard: Scoreboard
  readonly lateRefusal: LateRefusal
  /** Called when `accept` fails in a way that lasts (no descriptors, no memory), once each time it begins. */
  readonly onShortage: (errorNumber: number) => void
}

/** What the loop of a listener thread does: look at the capacity, accept, hand over, back off. */
export class Intake {
  readonly #options: IntakeOptions
  readonly #wake: PollSet
  readonly #accepted: number[] = []
  /** Of those, how many are new and not from the mailbox. */
  #fresh = 0
  readonly #mutexWaits: HistogramCells
  readonly #mutexHolds: HistogramCells
  /** When the holder of the accept mutex found a connection; 0: not yet. */
  #foundMs = 0
  #stepBackMs = SHORTEST_STEP_BACK_MS
  #backoffMs = SHORTEST_BACKOFF_MS

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#mutexWaits = options.scoreboard.histogram('mutexWait')
    this.#mutexHolds = options.scoreboard.histogram('mutexHold')
    this.#wake = new PollSet([options.wakeDescriptor])
  }

  get isStopping(): boolean {
    return this.#options.handOff.listener.isStopping
  }

  enter(state: (typeof ListenerState)[keyof typeof ListenerState]): void {
    this.#options.scoreboard.setField(this.#options.slot, 'listenerState', state)
  }

  capacity(): Capacity {
    const { handOff, scoreboard, slot } = this.#options
    return capacityOf(handOff, scoreboard, slot)
  }

  /** How many connections may be accepted at this moment. */
  get room(): number {
    return acceptable(this.capacity())
  }

  /** How long to sleep without capacity, at most; then comes `refuseLate`. */
  get longestSleepMs(): number {
    return this.#options.lateRefusal.everyMs
  }

  /** No thread can take anything: what has waited too long is refused. */
  refuseLate(): void {
    this.enter(ListenerState.accepting)
    this.#options.lateRefusal.look(() => this.capacity())
  }

  /**
   * Accepts as many as there is room for; they wait in here for `handOver`. Returns the error of a shortage, or 0.
   */
  accept(): number {
    this.enter(ListenerState.accepting)
    const { acceptor, handOff } = this.#options
    const { room } = this
    // To wake a thread takes longer than to accept: its way here and the accept go on at the same time. (Measured: a quarter less
    // from accept to handler with 1 × 2 threads. For the last idle thread it gains nothing and costs 5 % of the CPU at saturation.)
    if (room > 1) handOff.wakeUps.wakeAhead()
    const { broken, shortage } = acceptor.accept(room, this.#keep)
    if (broken > 0) this.#count('acceptErrors', broken)
    return shortage
  }

  /** The threads get what was accepted. */
  handOver(): void {
    if (this.#accepted.length === 0) return
    if (this.#fresh > 0) this.#count('accepted', this.#fresh)
    this.#fresh = 0
    const queued = this.#options.handOff.offer(LockOwner.listener, this.#accepted)
    // Can't be full: at most one descriptor per idle thread is queued here. A closed connection is still better than a
    // leaked one.
    for (const entry of this.#accepted.slice(queued)) closeDescriptor(descriptorOf(entry))
    this.#accepted.length = 0
    this.#stepBackMs = SHORTEST_STEP_BACK_MS
    this.#backoffMs = SHORTEST_BACKOFF_MS
  }

  /** Sleeps after a shortage, without any lock: other children have descriptors of their own. Only a stop ends it early. */
  backOff(errorNumber: number): void {
    if (this.#backoffMs === SHORTEST_BACKOFF_MS) this.#options.onShortage(errorNumber)
    this.#count('acceptErrors', 1)
    this.enter(ListenerState.backingOff)
    this.#wake.wait(this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS)
  }

  /**
   * How long to step back for idle threads of other children, which wait for connections themselves. Only a change over
   * there, of which nobody tells this process, makes this child needed: it looks again now and then, ever less often.
   */
  nextStepBackMs(): number {
    const now = this.#stepBackMs
    this.#stepBackMs = Math.min(now * 2, LONGEST_STEP_BACK_MS)
    return now
  }

  /** Whether something waits in the fd queue; it is then to be looked at again after `LATE_WAKE_MS`. */
  get hasQueued(): boolean {
    return this.#options.handOff.queue.length > 0
  }

  /** What is still queued when it should long have been taken goes to somebody else. */
  wakeAgain(): void {
    if (this.hasQueued) this.#options.handOff.wakeUps.wakeOne()
  }

  /** The accept mutex is this child's, after so many ms. */
  noteMutex(hasWaited: boolean, waitedMs: number): void {
    if (hasWaited) this.#count('mutexWaits', 1)
    this.#mutexWaits.record(waitedMs / 1000)
  }

  /** A connection is there: from now on others wait for the mutex in vain, and before nobody had missed anything. */
  noteFound(): void {
    this.#foundMs = monotonicMs()
  }

  noteRelease(): void {
    if (this.#foundMs === 0) return
    this.#mutexHolds.record((monotonicMs() - this.#foundMs) / 1000)
    this.#foundMs = 0
  }

  readonly #keep = (entry: number, isNew: boolean): void => {
    this.#accepted.push(entry)
    if (isNew) this.#fresh++
  }

  #count(field: 'accepted' | 'acceptErrors' | 'mutexWaits', more: number): void {
    this.#options.scoreboard.addToField(this.#options.slot, field, more)
  }
}
