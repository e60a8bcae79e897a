import { signalEvent } from '../sys/event-descriptor.js'
import { Word } from './child-memory.js'

/**
 * What becomes of what is parked: it stays; it moves to a process that stays; it is closed, sooner than usual; it moves, and all processes that
 * share this one's mailbox leave, too.
 */
export const WayOut = { stay: 0, move: 1, close: 2, moveAll: 3 } as const
export type WayOut = (typeof WayOut)[keyof typeof WayOut]

/**
 * What the child's main thread says to the parker, and to the threads that park. The parker reads it at each turn: nothing waits for
 * that, since the main thread wakes the parker after it has written.
 */
export class ParkerOrders {
  readonly #words: Int32Array
  readonly #wake: number

  constructor(words: Int32Array, wake: number) {
    this.#words = words
    this.#wake = wake
  }

  // -- threads and parker ---------------------------------------------------------------------------

  /** Whether there is a parker, and connections are parked from now on. */
  get isOpen(): boolean {
    return Atomics.load(this.#words, Word.parkerRuns) === 1 && !this.isStopping
  }

  get isStopping(): boolean {
    return Atomics.load(this.#words, Word.parkingOver) === 1
  }

  get wayOut(): WayOut {
    return Atomics.load(this.#words, Word.wayOut) as WayOut
  }

  /** Whether other processes go on with what is parked here. */
  get moves(): boolean {
    const { wayOut } = this
    return wayOut === WayOut.move || wayOut === WayOut.moveAll
  }

  get takesArrivals(): boolean {
    return this.wayOut === WayOut.stay && Atomics.load(this.#words, Word.yieldsArrivals) === 0
  }

  /** For the parker: from now on threads may park. */
  open(): void {
    Atomics.store(this.#words, Word.parkerRuns, 1)
  }

  /** For the parker: whether a search was asked for since the last call. */
  takeSearch(): boolean {
    return Atomics.exchange(this.#words, Word.searchAgain, 0) === 1
  }

  // -- the child's main thread ----------------------------------------------------------------------

  /** There is no parker, and will not be one soon. What is parked then is the caller's to claim. */
  close(): void {
    Atomics.store(this.#words, Word.parkerRuns, 0)
  }

  /** The end of parking: the parker leaves, and what is parked then is the caller's to claim. */
  stop(): void {
    Atomics.store(this.#words, Word.parkingOver, 1)
    this.rouse()
  }

  /** The child leaves; the parker sees to what is parked. */
  sendOut(way: WayOut): void {
    Atomics.store(this.#words, Word.wayOut, way)
    this.rouse()
  }

  /** A thread has died: the parker looks for what it noted and did not watch. */
  search(): void {
    Atomics.store(this.#words, Word.searchAgain, 1)
    this.rouse()
  }

  /** Whether connections of processes that leave are left to others, since this one will leave soon, too. */
  yieldArrivals(yields: boolean): void {
    if (Atomics.exchange(this.#words, Word.yieldsArrivals, yields ? 1 : 0) !== (yields ? 1 : 0))
      this.rouse()
  }

  // -------------------------------------------------------------------------------------------------

  /** Ends a sleep of the parker. */
  rouse(): void {
    signalEvent(this.#wake)
  }
}
