/**
 * Tells the child's main thread of something that worker threads see, such as that the last idle one has become busy: at once, and not at a
 * later look. A thread pays for it only while the main thread wants to be told.
 *
 * The main thread sets "wanted" and then looks whether it is so already; a thread makes it so, and then reads
 * "wanted". Atomics are sequentially consistent, so one of the two sees the other's write. The count is read before all of
 * that: if it has grown by the time of the wait, the wait is over at once.
 */
export class Bell {
  readonly #words: Int32Array
  readonly #count: number
  readonly #wanted: number

  /** The places of its two words. */
  constructor(words: Int32Array, count: number, wanted: number) {
    this.#words = words
    this.#count = count
    this.#wanted = wanted
  }

  /** For the main thread: resolves the next time that it is rung, or at once if `isSo()`. */
  async next(isSo: () => boolean): Promise<void> {
    const seen = Atomics.load(this.#words, this.#count)
    Atomics.store(this.#words, this.#wanted, 1)
    if (isSo()) return
    const rung = Atomics.waitAsync(this.#words, this.#count, seen)
    if (rung.async) await rung.value
  }

  /** For a thread that has made it so. */
  ring(): void {
    if (Atomics.load(this.#words, this.#wanted) === 0) return
    if (Atomics.exchange(this.#words, this.#wanted, 0) === 0) return
    Atomics.add(this.#words, this.#count, 1)
    Atomics.notify(this.#words, this.#count)
  }
}
