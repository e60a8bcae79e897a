const ALL = Number.POSITIVE_INFINITY

/**
 * An event count (Reed and Kanodia, "Synchronization with Eventcounts and Sequencers", 1979) in one word of a
 * SharedArrayBuffer: what a thread sleeps on until another has changed something.
 *
 * The one who waits *reads* the count, then looks whether there is anything to wait for, then *waits* for the count to
 * leave what was read. The one who makes the change *advances* the count behind it. So if the change came
 * after the look, the advance came after the reading: the wait finds another count and does not begin, or has
 * begun and is ended. (The count goes round after 2^32 events; nobody is asleep between two
 * instructions for so long.)
 *
 * A wait may end for no reason, so it stands in a loop that looks again.
 */
export class EventCount {
  readonly #words: Int32Array
  readonly #index: number

  constructor(words: Int32Array, index: number) {
    this.#words = words
    this.#index = index
  }

  read(): number {
    return Atomics.load(this.#words, this.#index)
  }

  /** Sleeps until the count is not `seen` any more; false when `timeoutMs` was over first. */
  wait(seen: number, timeoutMs = Number.POSITIVE_INFINITY): boolean {
    return Atomics.wait(this.#words, this.#index, seen, timeoutMs) !== 'timed-out'
  }

  /** Like `wait`, for a thread whose event loop must go on. The promise does not keep the thread alive. */
  waitAsync(seen: number): Promise<unknown> {
    const sleep = Atomics.waitAsync(this.#words, this.#index, seen)
    return sleep.async ? sleep.value : Promise.resolve()
  }

  /** Ends the waits of up to `wakes` sleepers, and of everybody who has read the count but does not sleep yet. */
  advance(wakes = ALL): void {
    Atomics.add(this.#words, this.#index, 1)
    Atomics.notify(this.#words, this.#index, wakes)
  }
}
