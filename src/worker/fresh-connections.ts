/** A fresh connection that sends nothing for this long does not make its thread busy any longer. */
const FRESH_MS = 5

/** The connections of this thread that it has just taken, and whose first request is still to come. */
export class FreshConnections {
  /** Some have waited for long enough, and are no longer fresh. */
  readonly #expired: () => void
  /** When each was taken, by its token; in the order of taking. */
  readonly #takenAt = new Map<object, number>()
  #isWatching = false
  /** The second of the two turns that the watch begins with. */
  #turn: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(expired: () => void) {
    this.#expired = expired
  }

  get size(): number {
    return this.#takenAt.size
  }

  add(token: object): void {
    this.#takenAt.set(token, performance.now())
    this.#watch()
  }

  /** Its first request has come, or its end. False if it was no longer fresh. */
  forget(token: object): boolean {
    return this.#takenAt.size > 0 && this.#takenAt.delete(token)
  }

  /** The thread idles, so none is left: a turn of the event loop less. Under load the watch goes on, for there is always another one. */
  rest(): void {
    if (this.#turn === undefined) return
    clearImmediate(this.#turn)
    this.#turn = undefined
    this.#isWatching = false
  }

  close(): void {
    this.rest()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /**
   * Most connections bring their first request along, which is read when the event loop has turned once: two immediates from
   * now. Only for the others a timer is set, because a timer wakes a sleeping thread even if it was cleared before.
   */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    setImmediate(this.#wait)
  }

  readonly #wait = (): void => {
    this.#isWatching = this.#takenAt.size > 0
    if (this.#isWatching) this.#turn = setImmediate(this.#expire)
  }

  readonly #expire = (): void => {
    this.#turn = undefined
    this.#isWatching = false
    if (this.#takenAt.size === 0) return
    const now = performance.now()
    for (const [token, takenAt] of this.#takenAt) {
      // A timer may be up to a millisecond early.
      const restMs = takenAt + FRESH_MS - 1 - now
      if (restMs > 0) {
        this.#isWatching = true
        this.#timer = setTimeout(this.#expire, Math.ceil(restMs))
        break
      }
      this.#takenAt.delete(token)
    }
    this.#expired()
  }
}
