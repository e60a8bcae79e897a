import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { BlockingMeter } from './blocking-meter.js'

/** Between two measures of how long a request keeps the event loop busy. */
const MEASURE_EVERY_MS = 50
const READ_HEAP_EVERY_MS = 1000

/** A thread takes several connections at once only if all of them together keep it busy for less than this. */
const MOST_BATCH_US = 500
const MOST_BATCH = 8

/** What the requests of this thread cost it, by measures now and then, and how many connections it had better take at once for that. */
export class RequestCost {
  readonly #blocking = new BlockingMeter()
  #utilization = performance.eventLoopUtilization()
  #measuredAt = 0
  #heapReadAt = 0
  #requestsSinceMeasure = 0
  #batch = 1
  #activeUs = 0
  #heapBytes = 0

  /** The handler is loaded, and what comes now is of requests. */
  start(): void {
    this.#utilization = performance.eventLoopUtilization()
    this.#blocking.start()
    this.#heapBytes = getHeapStatistics().used_heap_size
  }

  /** A handler is called. Times are `monotonicMs`. */
  called(now: number): void {
    this.#blocking.called(now)
  }

  /** It has returned, be its response complete or not. */
  returned(now: number): void {
    this.#blocking.returned(now)
  }

  /** Counts a request that has ended. Returns whether that was the time for a measure, so that the figures are new. */
  ended(now: number): boolean {
    this.#requestsSinceMeasure++
    if (now - this.#measuredAt < MEASURE_EVERY_MS) return false
    this.#measure(now)
    return true
  }

  /** Whether handlers block this thread for so long that its idle connections are better off elsewhere. */
  get blocks(): boolean {
    return this.#blocking.blocks
  }

  /** How many connections to take at once when nobody else is idle. */
  get batch(): number {
    return this.#batch
  }

  /** For so long a request keeps the event loop busy. */
  get activeUs(): number {
    return this.#activeUs
  }

  get heapBytes(): number {
    return this.#heapBytes
  }

  /**
   * The share of the time since the last measure in which the event loop was not waiting, per request: it
   * counts everything a request does in this thread, also after an `await`.
   */
  #measure(now: number): void {
    const utilization = performance.eventLoopUtilization()
    const active = utilization.active - this.#utilization.active
    const activeUs = Math.round((active * 1000) / this.#requestsSinceMeasure)
    this.#utilization = utilization
    this.#measuredAt = now
    this.#blocking.measure(this.#requestsSinceMeasure, active * 1000)
    this.#requestsSinceMeasure = 0
    this.#activeUs = activeUs
    this.#batch = Math.min(
      Math.max(Math.floor(MOST_BATCH_US / Math.max(activeUs, 1)), 1),
      MOST_BATCH,
    )
    // A hundred times as dear as the rest, and nobody needs it fresh.
    if (now - this.#heapReadAt >= READ_HEAP_EVERY_MS) {
      this.#heapReadAt = now
      this.#heapBytes = getHeapStatistics().used_heap_size
    }
  }
}
