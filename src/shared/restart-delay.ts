/** Whoever dies at once is started again ever later, so that a broken handler makes no storm of starts. */
const SHORTEST_MS = 100
const LONGEST_MS = 10_000
/** One that was ready has served something, and may again: there must not be a lack for long. */
const LONGEST_OF_READY_MS = 1000
/** What has lived this long was not a failed start. */
const SETTLED_MS = 10_000

export interface RestartDelayEvents {
  /** No start for so long, and why. */
  readonly wait: (delayMs: number, reason: string) => void
  /** Starts may be made again. */
  readonly over: () => void
}

/** How long to wait after a death, or a start that failed, before the next start: of processes in a pool, of threads in a process. */
export class RestartDelay {
  readonly #events: RestartDelayEvents
  #delayMs = SHORTEST_MS
  #timer: NodeJS.Timeout | undefined
  /** One after the other. */
  #failedStarts = 0

  constructor(events: RestartDelayEvents) {
    this.#events = events
  }

  /** No start is to be made now. */
  get isWaiting(): boolean {
    return this.#timer !== undefined
  }

  startSucceeded(): void {
    this.#failedStarts = 0
  }

  startFailed(): void {
    const failed = ++this.#failedStarts
    this.#wait(`${failed} ${failed === 1 ? 'start' : 'starts'} in a row failed`)
  }

  /** `who` had been ready, and has died. */
  died(who: string, livedMs: number): void {
    const longestMs = livedMs > SETTLED_MS ? SHORTEST_MS : LONGEST_OF_READY_MS
    this.#delayMs = Math.min(this.#delayMs, longestMs)
    this.#wait(`${who} died`)
  }

  /** No more starts, whatever happens. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  /** What dies while a start waits already makes it wait no longer: many that die together do so for one reason. */
  #wait(reason: string): void {
    if (this.isWaiting) return
    const delayMs = this.#delayMs
    this.#events.wait(delayMs, reason)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#events.over()
    }, delayMs)
    this.#delayMs = Math.min(delayMs * 2, LONGEST_MS)
  }
}
