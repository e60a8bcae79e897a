import { createRequire } from 'node:module'
import type { PrometheusContentType, Registry as PromRegistry } from 'prom-client'
import type { Measures } from '../shared/measures.js'
import type { Stats } from '../shared/stats.js'
import type { MetricFamily } from './metric-family.js'
import { poolFamilies } from './pool-families.js'
import { standardFamilies } from './standard-families.js'

/** The media type of each form that there is. */
export const METRICS_TYPES = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const

export type MetricsForm = keyof typeof METRICS_TYPES

/** OpenMetrics for who names it in `Accept`, as Prometheus does; else the text format. */
export function metricsForm(accept = ''): MetricsForm {
  return /\bapplication\/openmetrics-text\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accept)
    ? 'openMetrics'
    : 'text'
}

/**
 * The pool as Prometheus reads it, written by prom-client's registry.
 *
 * The figures are already counted, in memory that all threads share, so the registry gets families that it has only to write, and of prom-client no more is
 * loaded than that: as a whole it would cost the parent 11 MiB (its cluster mode, summaries, the API of OpenTelemetry), the registry costs next to nothing. It is loaded
 * at the first scrape.
 */
export async function metrics(
  stats: Stats,
  measures: Measures,
  form: MetricsForm,
): Promise<string> {
  const registry = new (registryClass())()
  registry.setContentType(METRICS_TYPES[form] as PrometheusContentType)
  for (const family of [...standardFamilies(stats, measures), ...poolFamilies(stats, measures)])
    registry.registerMetric(asMetric(family))
  return await registry.metrics()
}

type Metric = Parameters<PromRegistry['registerMetric']>[0]

/** What a registry asks of a metric: its name (which it shortens for counters in OpenMetrics) and a way to get its values. */
function asMetric(family: MetricFamily): Metric {
  const metric = { ...family, get: async () => metric }
  return metric as unknown as Metric
}

let loaded: typeof PromRegistry | undefined

function registryClass(): typeof PromRegistry {
  loaded ??= createRequire(import.meta.url)('prom-client/lib/registry.js') as typeof PromRegistry
  return loaded
}
