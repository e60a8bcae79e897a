import type { Random } from '../../support/random.js'

/** Moments, in ms after the beginning, of independent events: so many per second on average (Poisson). */
export function poisson(random: Random, perSecond: number, seconds: number): number[] {
  const atMs: number[] = []
  for (let ms = random.exponential(1000 / perSecond); ms < seconds * 1000; ) {
    atMs.push(ms)
    ms += random.exponential(1000 / perSecond)
  }
  return atMs
}

/** The same on average, but `size` at once. */
export function bursts(random: Random, perSecond: number, seconds: number, size: number): number[] {
  return poisson(random, perSecond / size, seconds).flatMap((ms) => Array<number>(size).fill(ms))
}
