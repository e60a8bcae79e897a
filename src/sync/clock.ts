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

/** After so long the wall clock is looked at again: it may have been set. */
const WALL_CLOCK_MS = 50

let wallReadAt = Number.NEGATIVE_INFINITY
let monotonicToWallMs = 0

/** What the wall clock says at `nowMs` of the monotonic one, whole ms since 1970: for what is written so often that a look at a second clock would be felt. */
export function wallClockMs(nowMs: number): number {
  if (nowMs - wallReadAt > WALL_CLOCK_MS) {
    wallReadAt = nowMs
    monotonicToWallMs = Date.now() - nowMs
  }
  return Math.floor(nowMs + monotonicToWallMs)
}
