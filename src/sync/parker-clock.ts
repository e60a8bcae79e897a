import { Word } from './child-memory.js'

/**
 * The parker looks for what has been idle for too long now and then, but not while nothing is parked: then its clock stands, and it
 * sleeps without a time-out. A thread that parks starts the clock.
 *
 * **It never stands while something is parked.** A thread notes what it parks, then looks whether the clock stands; the parker
 * stops the clock, then looks whether anything is noted. Atomics are sequentially consistent, so one of the two sees the other's write.
 */
export class ParkerClock {
  readonly #words: Int32Array
  readonly #isAnyParked: () => boolean
  readonly #rouse: () => void

  constructor(words: Int32Array, isAnyParked: () => boolean, rouse: () => void) {
    this.#words = words
    this.#isAnyParked = isAnyParked
    this.#rouse = rouse
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, Word.clockStopped) === 1
  }

  /** For a thread that has noted something. */
  start(): void {
    if (!this.isStopped) return
    if (Atomics.compareExchange(this.#words, Word.clockStopped, 1, 0) === 1) this.#rouse()
  }

  /** For the parker: it has parked something itself. */
  restart(): void {
    Atomics.store(this.#words, Word.clockStopped, 0)
  }

  /**
   * For the parker: threads shall start the clock with the next connection that they park. False if something is
   * parked already: then the clock must go on.
   */
  stop(): boolean {
    Atomics.store(this.#words, Word.clockStopped, 1)
    if (!this.#isAnyParked()) return true
    Atomics.store(this.#words, Word.clockStopped, 0)
    return false
  }
}
