import type { Histogram } from './histogram.js'
import { HISTOGRAM_CELLS } from './request-series-layout.js'

const NS_PER_SECOND = 1e9
const SUM = HISTOGRAM_CELLS - 1

/** What a child may have written is no figure if it is below 0. */
function plausible(cell: bigint | undefined): number {
  return cell !== undefined && cell > 0n ? Number(cell) : 0
}

/** Adds to a cell, unless the figure is none: a child may have written anything. */
export function addPlausible(cells: BigInt64Array, index: number, more: number): void {
  const rounded = Math.round(more)
  if (rounded > 0 && Number.isFinite(rounded)) Atomics.add(cells, index, BigInt(rounded))
}

/**
 * A histogram in shared memory: a cell of 64 bits for each bucket, and one for the sum in ns. Any thread of any process adds to it by two atomic
 * additions, so there is no lock and nothing to lose: what was added stays when its thread or process dies, and no cell is ever
 * emptied, so nothing that a reader sees goes back. A reader between the two additions, or a death, finds one more observation than is
 * in the sum. In 32 bits a busy pool's count would go round within days.
 */
export class HistogramCells {
  readonly #cells: BigInt64Array
  readonly #first: number
  readonly #bounds: readonly number[]

  /** At most 14 `bounds`; `first` is a place in `cells`. */
  constructor(cells: BigInt64Array, first: number, bounds: readonly number[]) {
    this.#cells = cells
    this.#first = first
    this.#bounds = bounds
  }

  record(seconds: number): void {
    this.recordMany(this.bucketOf(seconds), 1, seconds)
  }

  bucketOf(seconds: number): number {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket++
    return bucket
  }

  /** So many of one bucket, which took so long together. */
  recordMany(bucket: number, count: number, seconds: number): void {
    Atomics.add(this.#cells, this.#first + bucket, BigInt(count))
    Atomics.add(this.#cells, this.#first + SUM, BigInt(Math.round(seconds * NS_PER_SECOND)))
  }

  /** What was counted elsewhere, with the same bounds. */
  add({ counts, sumSeconds }: Histogram): void {
    for (const [bucket, count] of counts.entries())
      addPlausible(this.#cells, this.#first + bucket, count)
    addPlausible(this.#cells, this.#first + SUM, sumSeconds * NS_PER_SECOND)
  }

  read(): Histogram {
    const counts: number[] = []
    for (let bucket = 0; bucket <= this.#bounds.length; bucket++)
      counts.push(plausible(Atomics.load(this.#cells, this.#first + bucket)))
    return {
      bounds: this.#bounds,
      counts,
      count: counts.reduce((a, b) => a + b, 0),
      sumSeconds: plausible(Atomics.load(this.#cells, this.#first + SUM)) / NS_PER_SECOND,
    }
  }
}
