/** The value below which a share `q` (0 to 1) of the values lies; nearest rank, so always one of them. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Where the median of endlessly many rounds lies, 95 % sure; below six rounds the range, less sure. */
  readonly sure: { readonly from: number; readonly to: number }
}

/** Median (of an even count: the middle of the two in the middle), range and certainty. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (n: number): number => sorted[n] ?? Number.NaN
  const last = sorted.length - 1
  const outside = surelyOutside(sorted.length)
  return {
    median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2,
    min: at(0),
    max: at(last),
    sure: { from: at(outside), to: at(last - outside) },
  }
}

/**
 * How many values at either end the true median is not among (95 %): each value is below it with probability
 * one half, whatever the distribution, so it is a matter of coins (sign test). 0 when there are fewer than six.
 */
function surelyOutside(count: number): number {
  let outside = -1
  let tosses = 0.5 ** count // exactly `heads` heads in `count` tosses
  let tail = tosses
  for (let heads = 0; tail <= 0.025; heads += 1) {
    outside = heads
    tosses *= (count - heads) / (heads + 1)
    tail += tosses
  }
  return Math.max(0, outside)
}
