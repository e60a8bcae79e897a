/** A request that has not ended. */
export interface RunningRequest {
  readonly method: string | undefined
  readonly url: string | undefined
  /** By the monotonic clock. */
  readonly begunMs: number
}

/**
 * Knows which request of this thread has been in flight for the longest. It asks the services when somebody wants to know, once a second: to keep a list
 * would cost each request more than all else that is measured of it.
 */
export class InFlight {
  readonly #looks: (() => RunningRequest | undefined)[] = []

  /** `look` finds the oldest request of a service. */
  watch(look: () => RunningRequest | undefined): void {
    this.#looks.push(look)
  }

  get oldest(): { readonly what: string; readonly begunMs: number } | undefined {
    let oldest: RunningRequest | undefined
    for (const look of this.#looks) {
      const found = look()
      if (found !== undefined && found.begunMs < (oldest?.begunMs ?? Number.POSITIVE_INFINITY))
        oldest = found
    }
    if (oldest === undefined) return undefined
    return { what: `${oldest.method} ${oldest.url}`, begunMs: oldest.begunMs }
  }
}
