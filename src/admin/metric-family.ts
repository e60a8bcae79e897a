import type { Histogram } from '../sync/histogram.js'

export type Labels = Readonly<Record<string, string | number>>
export type Sample = readonly [labels: Labels, value: number]

/** All that is said under one name. */
export interface MetricFamily {
  /** Of a counter, with `_total`. */
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  readonly help: string
  readonly values: readonly {
    readonly labels: Labels
    readonly value: number
    /** Where it is not the family's. */
    readonly metricName?: string
  }[]
}

export function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return {
    name,
    type: 'gauge',
    help,
    values: samples.map(([labels, value]) => ({ labels, value })),
  }
}

/** Of something that has no label. */
export function single(name: string, help: string, value: number): MetricFamily {
  return gauge(name, help, [[{}, value]])
}

export function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { ...gauge(`${name}_total`, help, samples), type: 'counter' }
}

/** Those with the same labels are added up. */
export function histogram(
  name: string,
  help: string,
  series: readonly (readonly [labels: Labels, histogram: Histogram])[],
): MetricFamily {
  const merged = new Map<string, { labels: Labels; histograms: Histogram[] }>()
  for (const [labels, each] of series) {
    const key = JSON.stringify(labels)
    const there = merged.get(key)
    if (there === undefined) merged.set(key, { labels, histograms: [each] })
    else there.histograms.push(each)
  }
  const values = [...merged.values()].flatMap(({ labels, histograms }) =>
    lines(name, labels, histograms),
  )
  return { name, type: 'histogram', help, values }
}

function lines(
  name: string,
  labels: Labels,
  histograms: readonly Histogram[],
): MetricFamily['values'] {
  const total = (of: (each: Histogram) => number): number =>
    histograms.reduce((sum, each) => sum + of(each), 0)
  const bounds = histograms[0]?.bounds ?? []
  let below = 0
  const buckets = bounds.map((bound, index) => {
    below += total(({ counts }) => counts[index] ?? 0)
    // OpenMetrics writes bounds as floats, and the text format takes that as well: so a series has one name in both.
    const le = Number.isInteger(bound) ? `${bound}.0` : String(bound)
    return { labels: { ...labels, le }, value: below, metricName: `${name}_bucket` }
  })
  const count = total((each) => each.count)
  return [
    ...buckets,
    { labels: { ...labels, le: '+Inf' }, value: count, metricName: `${name}_bucket` },
    { labels, value: total(({ sumSeconds }) => sumSeconds), metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ]
}
