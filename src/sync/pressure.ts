import { Word } from './child-memory.js'

/**
 * Tells the child's main thread when the last idle thread has become busy: time to start another one, and not a second
 * later. A thread pays for it only while the main thread wants to be told.
 *
 * The main thread sets "wanted" and then looks whether anybody idles; the last idle thread clears its bit and then reads
 * "wanted". Atomics are sequentially consistent, so one of the two sees the other's write. The count is read before all of
 * that: if it has grown by the time of the wait, the wait is over at once.
 */
export class Pressure {
  readonly #words: Int32Array

  constructor(words: Int32Array) {
    this.#words = words
  }

  /** For the main thread: resolves the next time that `rise` is called, or at once if `isUp()`. */
  async next(isUp: () => boolean): Promise<void> {
    const seen = Atomics.load(this.#words, Word.pressure)
    Atomics.store(this.#words, Word.pressureWanted, 1)
    if (isUp()) return
    const risen = Atomics.waitAsync(this.#words, Word.pressure, seen)
    if (risen.async) await risen.value
  }

  /** For the thread that was the last idle one and is no longer. */
  rise(): void {
    if (Atomics.load(this.#words, Word.pressureWanted) === 0) return
    if (Atomics.exchange(this.#words, Word.pressureWanted, 0) === 0) return
    Atomics.add(this.#words, Word.pressure, 1)
    Atomics.notify(this.#words, Word.pressure)
  }
}
