import { monotonicMs } from './clock.js'

const CLOCK_BITS = 0x7fffffff

/** Milliseconds in 31 bits, for a word of shared memory; never 0. It goes round after 24 days. */
export function shortClock(): number {
  return (monotonicMs() & CLOCK_BITS) | 1
}

export function elapsedMs(then: number): number {
  return (shortClock() - then) & CLOCK_BITS
}
