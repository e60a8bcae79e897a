/** Observations by size, as the metrics of Prometheus count them. */
export interface Histogram {
  /** Upper bounds of the buckets, in seconds; the last bucket has none. */
  readonly bounds: readonly number[]
  /** How many fell into each bucket alone; one more than there are bounds. */
  readonly counts: readonly number[]
  readonly count: number
  readonly sumSeconds: number
}

/** OpenTelemetry's for `http.server.request.duration`. */
export const REQUEST_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

/** For what takes microseconds as long as all is well. */
export const SHORT_BOUNDS: readonly number[] = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5,
  1,
]

/** What has come between two readings. */
export function since(before: Histogram, now: Histogram): Histogram {
  return {
    bounds: now.bounds,
    counts: now.counts.map((count, index) => count - (before.counts[index] ?? 0)),
    count: now.count - before.count,
    sumSeconds: now.sumSeconds - before.sumSeconds,
  }
}

/** All of them together; they have the same bounds. */
export function sumOf(histograms: readonly Histogram[], bounds: readonly number[]): Histogram {
  const counts = new Array<number>(bounds.length + 1).fill(0)
  let sumSeconds = 0
  for (const each of histograms) {
    for (const [index, count] of each.counts.entries()) counts[index] = (counts[index] ?? 0) + count
    sumSeconds += each.sumSeconds
  }
  return { bounds, counts, count: counts.reduce((a, b) => a + b, 0), sumSeconds }
}

/** In ms; within a bucket the times count as spread evenly, above the last bound as at it. 0 of nothing. */
export function quantileMs({ bounds, counts, count }: Histogram, share: number): number {
  let rank = count * share
  if (rank <= 0) return 0
  for (const [index, inBucket] of counts.entries()) {
    if (rank > inBucket) {
      rank -= inBucket
      continue
    }
    const from = bounds[index - 1] ?? 0
    const to = bounds[index] ?? from
    return Math.round((from + (to - from) * (rank / inBucket)) * 10_000) / 10
  }
  return (bounds.at(-1) ?? 0) * 1000
}

/** Those of prom-client for `nodejs_gc_duration_seconds`, on which dashboards are built. */
export const GC_BOUNDS: readonly number[] = [0.001, 0.01, 0.1, 1, 2, 5]
