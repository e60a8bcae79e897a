import type { LoadPoint } from '../../shared/stats.js'
import { count } from '../../sync/bits.js'
import { type Histogram, quantileMs, REQUEST_BOUNDS, since, sumOf } from '../../sync/histogram.js'
import type { Scoreboard } from '../../sync/scoreboard.js'

/** How often it looks, and over how many looks it says what is usual now. */
const LOOK_EVERY_MS = 1000
const LOOKS = 10
/** Five minutes. */
const MOST_POINTS = 300

interface Look {
  readonly at: number
  readonly queueTimes: Histogram
  readonly durations: Histogram
  readonly busy: number
  readonly max: number
}

interface Quantiles {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What people scale by: how long requests wait and take, and how many threads are busy, over the last seconds; and how that was in the last minutes. */
export class RecentLoad {
  readonly #scoreboard: Scoreboard
  readonly #slots: () => Iterable<number>
  readonly #max: () => number
  /** The oldest first. */
  readonly #looks: Look[] = []
  readonly #points: LoadPoint[] = []
  readonly #timer: NodeJS.Timeout

  /** `slots` of the children, and how many threads there may be. */
  constructor(scoreboard: Scoreboard, slots: () => Iterable<number>, max: () => number) {
    this.#scoreboard = scoreboard
    this.#slots = slots
    this.#max = max
    this.#timer = setInterval(() => this.#turn(), LOOK_EVERY_MS)
    // The pool's end is what ends the process, not this.
    this.#timer.unref()
    this.#looks.push(this.#look())
  }

  get queueTime(): Quantiles {
    return quantilesOf(this.#looks[0]?.queueTimes, this.#scoreboard.queueTimes.read())
  }

  /** How long requests took. */
  get duration(): Quantiles {
    return quantilesOf(this.#looks[0]?.durations, this.#durations())
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

  /** One for each second, the oldest first. */
  get points(): readonly LoadPoint[] {
    return this.#points
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #turn(): void {
    const before = this.#looks.at(-1)
    const now = this.#look()
    this.#looks.push(now)
    if (this.#looks.length > LOOKS) this.#looks.shift()
    const oldest = this.#looks[0] ?? now
    const seconds = Math.max(now.at - (before?.at ?? 0), 1) / 1000
    const requests = now.durations.count - (before?.durations.count ?? 0)
    const queue = quantilesOf(oldest.queueTimes, now.queueTimes)
    const duration = quantilesOf(oldest.durations, now.durations)
    this.#points.push({
      at: Date.now(),
      requestsPerSecond: Math.round((Math.max(requests, 0) / seconds) * 10) / 10,
      p50Ms: duration.p50Ms,
      p99Ms: duration.p99Ms,
      queueP50Ms: queue.p50Ms,
      queueP99Ms: queue.p99Ms,
      busyShare: now.max === 0 ? 0 : Math.round((now.busy / now.max) * 1000) / 1000,
    })
    if (this.#points.length > MOST_POINTS) this.#points.shift()
  }

  #look(): Look {
    return {
      at: performance.now(),
      queueTimes: this.#scoreboard.queueTimes.read(),
      durations: this.#durations(),
      busy: this.#busyThreads(),
      max: this.#max(),
    }
  }

  #durations(): Histogram {
    return sumOf(this.#scoreboard.requests.durations(), REQUEST_BOUNDS)
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

function quantilesOf(before: Histogram | undefined, now: Histogram): Quantiles {
  const recent = since(before ?? now, now)
  return { p50Ms: quantileMs(recent, 0.5), p99Ms: quantileMs(recent, 0.99) }
}
