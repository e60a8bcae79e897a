import { performance } from 'node:perf_hooks'
import { runDelayUs } from '../sys/run-delay.js'
import { addSpan, type Blocking, freshThread, shouldPark } from './decide-parking.js'

/** A handler that runs for so long without a break is measured by itself; with less, a millisecond more or less matters. */
const LONG_MS = 2

/** Measures how the handlers of this thread block it. In whole milliseconds, for which the time has to be asked anyway. */
export class BlockingMeter {
  /** Of calls of handlers since the last measure, as far as they were long. */
  #longUs = 0
  #longSquaresUs2 = 0
  #longestUs = 0
  /** When the last handler was called, as `monotonicMs` counts; 0 if that one is accounted for. */
  #calledAt = 0
  #spanBeganAt = 0
  #delayUs: number | undefined
  #blocking: Blocking = freshThread
  #blocks = false

  /** Whether it does so for so long that its idle connections are better off elsewhere. */
  get blocks(): boolean {
    return this.#blocks
  }

  /** The time that counts begins. */
  start(): void {
    this.#spanBeganAt = performance.now()
    this.#delayUs = runDelayUs()
  }

  called(now: number): void {
    this.returned(now)
    this.#calledAt = now
  }

  /** The last handler that was called has returned by now. What is shorter than a few ms is in the event loop's share. */
  returned(now: number): void {
    if (this.#calledAt === 0) return
    const ms = now - this.#calledAt
    this.#calledAt = 0
    if (ms < LONG_MS) return
    this.#longUs += ms * 1000
    this.#longSquaresUs2 += (ms * 1000) ** 2
    this.#longestUs = Math.max(this.#longestUs, ms * 1000)
  }

  /** Since the last measure `requests` have ended, and for `activeUs` the event loop was not waiting for events. */
  measure(requests: number, activeUs: number): void {
    const endedAt = performance.now()
    const delayUs = runDelayUs()
    this.#blocking = addSpan(this.#blocking, {
      spanUs: (endedAt - this.#spanBeganAt) * 1000,
      requests,
      longUs: this.#longUs,
      longSquaresUs2: this.#longSquaresUs2,
      longestUs: this.#longestUs,
      activeUs,
      // The one reading or the other may have failed (no descriptors).
      delayUs: delayUs === undefined || this.#delayUs === undefined ? 0 : delayUs - this.#delayUs,
    })
    this.#blocks = shouldPark(this.#blocks, this.#blocking)
    this.#spanBeganAt = endedAt
    this.#delayUs = delayUs
    this.#longUs = 0
    this.#longSquaresUs2 = 0
    this.#longestUs = 0
  }
}
