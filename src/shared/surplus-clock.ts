/** For how long there has been a surplus without a break: of processes in a pool, of threads in a process. Times are in ms. */
export class SurplusClock {
  #since: number | undefined
  #lastedMs = 0
  #givenBackMs = 0

  /** For how long by `now`; 0 when there is none. */
  look(isSurplus: boolean, now: number): number {
    if (!isSurplus) this.restart()
    else {
      this.#since ??= now
      this.#lastedMs = now - this.#since
    }
    return this.#lastedMs
  }

  /** Some of the surplus goes now; the rest of it still counts from its beginning. */
  gaveBack(): void {
    this.#givenBackMs = this.#lastedMs
  }

  /** How long the surplus had lasted when some of it went the last time; 0 if none has. */
  get givenBackMs(): number {
    return this.#givenBackMs
  }

  /** After a change of size by somebody else a surplus is not what it was: the next look begins anew. */
  restart(): void {
    this.#since = undefined
    this.#lastedMs = 0
    this.#givenBackMs = 0
  }
}
