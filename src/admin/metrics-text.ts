import type { Stats } from '../shared/stats.js'
import type { QueueTimeHistogram } from '../sync/queue-times.js'
import { QUEUE_TIME_BOUNDS } from '../sync/queue-times.js'

type Labels = Readonly<Record<string, string | number>>
type Sample = readonly [labels: Labels, value: number]

/** The media type of each form that there is. */
export const METRICS_TYPES = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

export type MetricsForm = keyof typeof METRICS_TYPES

/** OpenMetrics for who names it in `Accept`, as Prometheus does; else the text format. */
export function metricsForm(accept = ''): MetricsForm {
  return /\bapplication\/openmetrics-text\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accept)
    ? 'openMetrics'
    : 'text'
}

/**
 * In OpenMetrics (https://prometheus.io/docs/specs/om/open_metrics_spec/) the family of a counter lacks `_total`, bounds are written as floats, and the
 * end is marked, so that half an answer is not taken for a whole one.
 */
export function metrics(stats: Stats, queueTimes: QueueTimeHistogram, form: MetricsForm): string {
  const text = metricsText(stats, queueTimes)
  if (form === 'text') return text
  const families = text.replace(/^(# (?:HELP|TYPE) \w+)_total /gm, '$1 ')
  return `${families.replace(/(\{le="\d+)(?="\})/g, '$1.0')}# EOF\n`
}

/**
 * The pool in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/), from the scoreboard alone: so it is there also
 * while every thread hangs.
 */
function metricsText(stats: Stats, queueTimes: QueueTimeHistogram): string {
  const { threads, totals, processes, listeners } = stats
  const all = processes.flatMap((each) => each.threads)
  const families = [
    gauge('forkthread_threads', 'Threads by what they do', [
      [{ state: 'idle' }, threads.idle],
      [{ state: 'busy' }, threads.busy],
      [{ state: 'starting' }, threads.starting],
    ]),
    gauge('forkthread_threads_max', 'Threads that the pool may have', [[{}, threads.max]]),
    gauge('forkthread_busy_share', 'Busy threads in the most that there may be, over ten seconds', [
      [{}, stats.busyShare],
    ]),
    histogram(
      'forkthread_queue_time_seconds',
      'From the arrival of a request in the kernel to its handler',
      queueTimes,
    ),
    gauge('forkthread_processes', 'Child processes', [[{}, processes.length]]),
    gauge(
      'forkthread_backlog',
      'Connections that the kernel holds ready to be accepted',
      listeners.map(({ address, backlog }) => [{ listener: address }, backlog.length]),
    ),
    gauge(
      'forkthread_backlog_limit',
      'How many of them the kernel may hold',
      listeners.map(({ address, backlog }) => [{ listener: address }, backlog.limit]),
    ),
    gauge('forkthread_parked_connections', 'Idle connections that belong to no thread', [
      [{}, sum(processes.map(({ parked }) => parked))],
    ]),
    gauge('forkthread_connections', 'Connections that threads have open', [
      [{}, sum(all.map(({ connections }) => connections))],
    ]),
    gauge('http_server_active_requests', 'Requests in flight', [
      [{}, sum(all.map(({ inFlight }) => inFlight))],
    ]),
    counter('forkthread_connections_accepted', 'Connections', [[{}, totals.connections]]),
    counter('forkthread_requests', 'Requests whose response is over', [[{}, totals.requests]]),
    counter('forkthread_handler_errors', 'Handlers that threw or rejected', [[{}, totals.errors]]),
    counter('forkthread_refused', 'Turned away before a handler ran', [[{}, totals.refused]]),
    counter('forkthread_moved_connections', 'Idle connections that went on in another process', [
      [{}, totals.moved],
    ]),
    counter(
      'forkthread_unmoved_connections',
      'Idle connections that no other process had room for',
      [[{}, totals.unmoved]],
    ),
    counter('forkthread_deaths', 'Processes and threads that died', [
      [{ level: 'process' }, totals.childDeaths],
      [{ level: 'thread' }, totals.threadDeaths],
    ]),
    counter('forkthread_reloads', 'Reloads', [[{}, totals.reloads]]),
    counter(
      'process_cpu_seconds',
      'Processor time of a child',
      processes.map(({ pid, cpuMs }) => [{ pid }, cpuMs / 1000]),
    ),
    gauge(
      'process_resident_memory_bytes',
      'Resident memory of a child',
      processes.map(({ pid, rssBytes }) => [{ pid }, rssBytes]),
    ),
    gauge(
      'process_start_time_seconds',
      'When a child was started, since the epoch',
      processes.map(({ pid, startedAt }) => [{ pid }, startedAt / 1000]),
    ),
    gauge(
      'nodejs_heap_size_used_bytes',
      'Heap that a thread uses',
      processes.flatMap(({ pid, threads: its }) =>
        its.map(({ id, heapBytes }): Sample => [{ pid, thread: id }, heapBytes]),
      ),
    ),
  ]
  return families.join('')
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return family(
    name,
    'gauge',
    help,
    samples.map(([labels, value]) => line(name, labels, value)),
  )
}

function counter(name: string, help: string, samples: readonly Sample[]): string {
  const full = `${name}_total`
  return family(
    full,
    'counter',
    help,
    samples.map(([labels, value]) => line(full, labels, value)),
  )
}

function histogram(
  name: string,
  help: string,
  { counts, count, sumSeconds }: QueueTimeHistogram,
): string {
  let below = 0
  const buckets = QUEUE_TIME_BOUNDS.map((bound, index) => {
    below += counts[index] ?? 0
    return line(`${name}_bucket`, { le: bound }, below)
  })
  return family(name, 'histogram', help, [
    ...buckets,
    line(`${name}_bucket`, { le: '+Inf' }, count),
    line(`${name}_sum`, {}, sumSeconds),
    line(`${name}_count`, {}, count),
  ])
}

function family(name: string, type: string, help: string, lines: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(String(text))}"`)
  const braces = pairs.length > 0 ? `{${pairs.join(',')}}` : ''
  return `${name}${braces} ${value}\n`
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}

function sum(values: readonly number[]): number {
  return values.reduce((one, other) => one + other, 0)
}
