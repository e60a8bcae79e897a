import {
  type IntervalHistogram,
  monitorEventLoopDelay,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { monotonicMs } from '../sync/clock.js'
import { GC_BOUNDS } from '../sync/histogram.js'
import type { HistogramCells } from '../sync/histogram-cells.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { InFlight } from './in-flight.js'

/** A timer that often shows by its lateness how late the loop is. */
const RESOLUTION_MS = 20
const PUBLISH_EVERY_MS = 1000
/** So long a stretch the delays are about, as long as a Prometheus usually takes from one scrape to the next. */
const WINDOW = 15

/** The bits of a garbage collection's kind (v8.h, GCType), as perf_hooks shows them. */
const KINDS = {
  1: 'gcMinor',
  2: 'gcMinor',
  4: 'gcMajor',
  8: 'gcIncremental',
  16: 'gcWeak',
} as const

/** With the kind of a collection, where Node says it. */
interface CollectionEntry {
  readonly duration: number
  readonly detail?: { readonly kind?: number }
}

/**
 * How this thread's event loop does: its delay and utilization, and what garbage collection takes. It looks only from a request on, as long as there are
 * some: Node finds the delay by a timer, and an idle thread should sleep.
 */
export class LoopMeter {
  readonly #slot: number
  readonly #thread: number
  readonly #scoreboard: Scoreboard
  readonly #inFlight: InFlight
  readonly #hasWork: () => boolean
  #delays: IntervalHistogram | undefined
  #collections: PerformanceObserver | undefined
  #timer: NodeJS.Timeout | undefined
  #turns = 0
  /** A request came since the last turn. */
  #wasUsed = false
  #utilization = performance.eventLoopUtilization()

  constructor(
    slot: number,
    thread: number,
    scoreboard: Scoreboard,
    inFlight: InFlight,
    hasWork: () => boolean,
  ) {
    this.#slot = slot
    this.#thread = thread
    this.#scoreboard = scoreboard
    this.#inFlight = inFlight
    this.#hasWork = hasWork
    scoreboard.loops.clear(slot, thread)
    const { total_heap_size: heapTotalBytes } = getHeapStatistics()
    scoreboard.loops.write(slot, thread, { heapTotalBytes })
  }

  /** For each request, so it must cost nothing. */
  begin(): void {
    this.#wasUsed = true
    if (this.#timer === undefined) this.#start()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#delays?.disable()
    this.#collections?.disconnect()
    this.#scoreboard.loops.write(this.#slot, this.#thread, { at: 0 })
  }

  #start(): void {
    this.#delays ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#delays.reset()
    this.#delays.enable()
    this.#collections ??= this.#observe()
    this.#turns = 0
    this.#utilization = performance.eventLoopUtilization()
    this.#scoreboard.loops.write(this.#slot, this.#thread, { at: monotonicMs(), oldestSince: 0 })
    this.#timer = setInterval(() => this.#turn(), PUBLISH_EVERY_MS)
    // What the app waits for keeps the thread, not this.
    this.#timer.unref()
  }

  #turn(): void {
    this.#publish()
    if (this.#wasUsed || this.#hasWork()) {
      this.#wasUsed = false
      return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#delays?.disable()
    this.#scoreboard.loops.write(this.#slot, this.#thread, {
      at: 0,
      utilization: 0,
      oldestSince: 0,
    })
  }

  #publish(): void {
    const delays = this.#delays
    if (delays === undefined) return
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization)
    this.#utilization = now
    const isAny = delays.count > 0
    const oldest = this.#hasWork() ? this.#inFlight.oldest : undefined
    if (oldest !== undefined)
      this.#scoreboard.loops.writeOldest(this.#slot, this.#thread, oldest.what)
    this.#scoreboard.loops.write(this.#slot, this.#thread, {
      at: monotonicMs(),
      utilization,
      oldestSince: oldest?.begunMs ?? 0,
      heapTotalBytes: getHeapStatistics().total_heap_size,
      ...(isAny
        ? {
            min: late(delays.min),
            max: late(delays.max),
            mean: late(delays.mean),
            stddev: delays.stddev / 1e9,
            p50: late(delays.percentile(50)),
            p90: late(delays.percentile(90)),
            p99: late(delays.percentile(99)),
          }
        : {}),
    })
    this.#turns++
    if (this.#turns % WINDOW === 0) delays.reset()
  }

  #observe(): PerformanceObserver {
    const cells = (name: 'gcMinor' | 'gcMajor' | 'gcIncremental' | 'gcWeak'): HistogramCells =>
      this.#scoreboard.histogram(name, GC_BOUNDS)
    const byName = {
      gcMinor: cells('gcMinor'),
      gcMajor: cells('gcMajor'),
      gcIncremental: cells('gcIncremental'),
      gcWeak: cells('gcWeak'),
    }
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as CollectionEntry[]) {
        const kind = KINDS[entry.detail?.kind as keyof typeof KINDS]
        if (kind !== undefined) byName[kind].record(entry.duration / 1000)
      }
    })
    observer.observe({ entryTypes: ['gc'] })
    return observer
  }
}

/** Node says how long it was from one turn of its timer to the next. In ns; returns seconds. */
function late(intervalNs: number): number {
  return Math.max(intervalNs / 1e9 - RESOLUTION_MS / 1000, 0)
}
