/** No broken handler, and no load, makes this pool fork faster than this. */
const MOST_PER_SECOND = 32
const WINDOW_MS = 1000

/** Limits the starts of children per second. */
export class StartLimit {
  #windowStart = Number.NEGATIVE_INFINITY
  #started = 0

  /** How many of `wanted` starts may be made at `now` (ms); they count as made. */
  grant(wanted: number, now: number): number {
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now
      this.#started = 0
    }
    const granted = Math.min(wanted, MOST_PER_SECOND - this.#started)
    this.#started += granted
    return granted
  }
}
