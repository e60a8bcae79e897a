import { type CommonCounts, type Counts, perName } from '../../sync/common-counts.js'
import { since } from '../../sync/histogram.js'
import type { RequestSeries } from '../../sync/request-series.js'

/** While another parent of the pool counts, too, it learns so often what this one has counted. */
const SETTLE_EVERY_MS = 100

/**
 * What this parent's children count, and those of the parents before and after it: an upgrade sets no count back.
 *
 * Each parent counts for itself, and *settles*: it adds what has come since the last time to the memory that all parents of the pool share. Whoever is asked settles
 * first and answers with what then lies in the memory. So an answer holds all that any parent has ever answered with, whoever it was, and nobody sees a count go
 * back: not while an old parent and its successor both answer, not when one of them leaves, nor when a successor fails and the old one goes on.
 */
export class Counting {
  readonly #common: CommonCounts
  readonly #own: () => Counts
  #settled: Counts | undefined
  #settling: NodeJS.Timeout | undefined

  /** `own`: what this parent knows of; it must not go back. */
  constructor(common: CommonCounts, own: () => Counts) {
    this.#common = common
    this.#own = own
  }

  /** Of all parents. */
  read(): Counts {
    this.settle()
    return this.#common.read()
  }

  settle(): void {
    const own = this.#own()
    const { more, settled } = whatCameSince(this.#settled, own)
    this.#common.add(more)
    this.#settled = settled
  }

  /** As long as there is another parent. */
  settleOften(): void {
    // The pool's end is what ends the process, not this.
    this.#settling ??= setInterval(() => this.settle(), SETTLE_EVERY_MS).unref()
  }

  stop(): void {
    clearInterval(this.#settling)
    this.#settling = undefined
  }
}

/** A figure that is smaller than it was, such as of a child that has scribbled over its own, has told nothing new; it counts again when it is beyond that. */
function whatCameSince(
  before: Counts | undefined,
  now: Counts,
): { readonly more: Counts; readonly settled: Counts } {
  const figures: Record<string, number> = {}
  const highest: Record<string, number> = { ...before?.figures }
  for (const [name, figure] of Object.entries(now.figures)) {
    const settled = highest[name]
    const isMore = figure > (settled ?? 0)
    if (!isMore && settled !== undefined) continue
    // One that is still 0 is there from the beginning.
    figures[name] = isMore ? figure - (settled ?? 0) : 0
    highest[name] = isMore ? figure : 0
  }
  const settled = { ...now, figures: highest }
  if (before === undefined) return { more: { ...now, figures }, settled }
  const histograms = perName((name) => since(before.histograms[name], now.histograms[name]))
  const known = new Map(before.requests.map((series) => [series.place, series.durations]))
  const requests = now.requests.map((series): RequestSeries => {
    const earlier = known.get(series.place)
    return earlier === undefined
      ? series
      : { ...series, durations: since(earlier, series.durations) }
  })
  const more = { figures, histograms, requests: requests.filter(hasMore) }
  return { more, settled }
}

function hasMore({ durations }: RequestSeries): boolean {
  return durations.count > 0 || durations.sumSeconds > 0
}
