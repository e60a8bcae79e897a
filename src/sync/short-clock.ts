import { monotonicMs } from './clock.js'

const CLOCK_BITS = 0x7fffffff

/** Milliseconds in 31 bits, for a word of shared memory; never 0. It goes round after 24 days, so it measures up to 12. */
export function shortClock(): number {
  return agoOnShortClock(0)
}

/** What the clock has shown so many ms ago. */
export function agoOnShortClock(ms: number): number {
  return ((monotonicMs() - ms) & CLOCK_BITS) | 1
}

export function elapsedMs(then: number): number {
  const elapsed = (shortClock() - then) & CLOCK_BITS
  // Two threads read the same clock, but may be some µs apart: what another one has just noted may seem to be still to come.
  return elapsed > CLOCK_BITS / 2 ? 0 : elapsed
}
