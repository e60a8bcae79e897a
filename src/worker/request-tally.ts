import type { HistogramCells } from '../sync/histogram-cells.js'
import type { RequestKind, RequestSeriesTable } from '../sync/request-series.js'

/**
 * Counts the requests of this thread, and adds what it has counted to the memory that all share once for each turn of its event loop: there the threads of all
 * processes write the same few lines, and each waits for the others. Mostly the requests of a turn are of one kind, and took about as long.
 */
export class RequestTally {
  readonly #series: RequestSeriesTable
  #kind: RequestKind | undefined
  #cells: HistogramCells | undefined
  #bucket = 0
  #count = 0
  #seconds = 0

  constructor(series: RequestSeriesTable) {
    this.#series = series
  }

  record(kind: RequestKind, seconds: number): void {
    const cells = this.#cellsOf(kind)
    const bucket = cells.bucketOf(seconds)
    if (bucket !== this.#bucket) {
      this.flush()
      this.#bucket = bucket
    }
    this.#count++
    this.#seconds += seconds
  }

  /** Others see what was recorded. */
  flush(): void {
    if (this.#count === 0) return
    this.#cells?.recordMany(this.#bucket, this.#count, this.#seconds)
    this.#count = 0
    this.#seconds = 0
  }

  #cellsOf(kind: RequestKind): HistogramCells {
    const { method, status, route, protocol, isSecure } = kind
    const last = this.#kind
    if (
      this.#cells !== undefined &&
      last?.method === method &&
      last.status === status &&
      last.route === route &&
      last.protocol === protocol &&
      last.isSecure === isSecure
    )
      return this.#cells
    this.flush()
    this.#kind = kind
    this.#cells = this.#series.cellsOf(kind)
    return this.#cells
  }
}
