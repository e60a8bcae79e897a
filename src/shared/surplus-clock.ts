/** For how long there has been a surplus without a break: of processes in a pool, of threads in a process. `now` is in ms. */
export class SurplusClock {
  #since: number | undefined

  /** For how long by `now`; 0 when there is none. */
  look(isSurplus: boolean, now: number): number {
    this.#since = isSurplus ? (this.#since ?? now) : undefined
    return this.#since === undefined ? 0 : now - this.#since
  }

  /** After a change of size a surplus is not what it was: the next look begins anew. */
  restart(): void {
    this.#since = undefined
  }
}
