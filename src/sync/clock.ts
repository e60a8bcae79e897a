import { performance } from 'node:perf_hooks'

// As they are now: user code (fake timers, an APM) may put its own in their place.
const sinceOrigin = performance.now.bind(performance)
const ORIGIN_MS = Number(process.hrtime.bigint()) / 1e6 - sinceOrigin()

/**
 * Milliseconds of the clock that all processes and threads of this machine share and that nobody sets: CLOCK_MONOTONIC, of which
 * `performance.now()` shows each thread its own part. Whatever lasts is measured by it; the wall clock, which may step by
 * hours (NTP, a virtual machine that wakes up), is only for what people read.
 */
export function monotonicMs(): number {
  return sinceOrigin() + ORIGIN_MS
}
