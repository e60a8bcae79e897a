import { count } from '../sync/bits.js'
import { type QueueTimeHistogram, quantileMs, since } from '../sync/queue-times.js'
import type { Scoreboard } from '../sync/scoreboard.js'

/** How often it looks, and over how many looks it says what is usual now. */
const LOOK_EVERY_MS = 1000
const LOOKS = 10

interface Look {
  readonly queueTimes: QueueTimeHistogram
  readonly busy: number
  readonly max: number
}

/** What people scale by: how long requests wait and how many threads are busy, over the last seconds. */
export class RecentLoad {
  readonly #scoreboard: Scoreboard
  readonly #slots: () => Iterable<number>
  readonly #max: () => number
  /** The oldest first. */
  readonly #looks: Look[] = []
  readonly #timer: NodeJS.Timeout

  /** `slots` of the children, and how many threads there may be. */
  constructor(scoreboard: Scoreboard, slots: () => Iterable<number>, max: () => number) {
    this.#scoreboard = scoreboard
    this.#slots = slots
    this.#max = max
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    // The pool's end is what ends the process, not this.
    this.#timer.unref()
    this.#look()
  }

  get queueTime(): { p50Ms: number; p99Ms: number } {
    const now = this.#scoreboard.queueTimes.read()
    const recent = since(this.#looks[0]?.queueTimes ?? now, now)
    return { p50Ms: quantileMs(recent, 0.5), p99Ms: quantileMs(recent, 0.99) }
  }

  get busyShare(): number {
    let busy = 0
    let max = 0
    for (const look of this.#looks) {
      busy += look.busy
      max += look.max
    }
    return max === 0 ? 0 : Math.round((busy / max) * 1000) / 1000
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#looks.push({
      queueTimes: this.#scoreboard.queueTimes.read(),
      busy: this.#busyThreads(),
      max: this.#max(),
    })
    if (this.#looks.length > LOOKS) this.#looks.shift()
  }

  #busyThreads(): number {
    let busy = 0
    for (const slot of this.#slots()) {
      const { rows } = this.#scoreboard
      busy += rows.count(slot) - rows.starting(slot)
      busy -= count(this.#scoreboard.field(slot, 'idleWord'))
    }
    return Math.max(busy, 0)
  }
}
