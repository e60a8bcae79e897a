import type { LoopMeasure, Measures, ProcessMeasure } from '../shared/measures.js'
import type { Stats } from '../shared/stats.js'
import {
  counter,
  gauge,
  histogram,
  type MetricFamily,
  type Sample,
  single,
} from './metric-family.js'

/** What others have under these names, too: OpenTelemetry's semantic conventions, and what Prometheus' clients say of a process and of Node. */
export function standardFamilies(stats: Stats, measures: Measures): readonly MetricFamily[] {
  const threads = stats.processes.flatMap((each) => each.threads)
  const loop = (what: string, help: string, of: (loop: LoopMeasure) => number): MetricFamily =>
    gauge(
      `nodejs_eventloop_${what}`,
      help,
      measures.loops.map((each): Sample => [whose(each), of(each)]),
    )
  const process = (
    what: string,
    help: string,
    of: (process: ProcessMeasure) => number | undefined,
    kind = gauge,
  ): MetricFamily => {
    const samples = measures.processes.flatMap((each): Sample[] => {
      const value = of(each)
      return value === undefined ? [] : [[{ pid: each.pid, process: each.process }, value]]
    })
    return kind(`process_${what}`, help, samples)
  }
  const heap = (what: string, help: string, samples: readonly Sample[]): MetricFamily =>
    gauge(`nodejs_heap_size_${what}_bytes`, help, samples)
  const late = 'How late timers were, over 15 s at most'
  return [
    histogram(
      'http_server_request_duration_seconds',
      "From a request's headers to the close of its response",
      measures.requests.map(({ method, scheme, status, protocol, route, durations }) => [
        {
          http_request_method: method,
          url_scheme: scheme,
          http_response_status_code: status,
          network_protocol_version: protocol,
          ...(route === undefined ? {} : { http_route: route }),
        },
        durations,
      ]),
    ),
    single(
      'http_server_active_requests',
      'Requests in flight',
      threads.reduce((sum, { inFlight }) => sum + inFlight, 0),
    ),
    loop('delay_min_seconds', `${late}: the least`, ({ min }) => min),
    loop('delay_max_seconds', `${late}: the most`, ({ max }) => max),
    loop('delay_mean_seconds', `${late}: the mean`, ({ mean }) => mean),
    loop('delay_stddev_seconds', `${late}: the standard deviation`, ({ stddev }) => stddev),
    loop('delay_p50_seconds', `${late}: half are below`, ({ p50 }) => p50),
    loop('delay_p90_seconds', `${late}: nine of ten are below`, ({ p90 }) => p90),
    loop('delay_p99_seconds', `${late}: 99 of 100 are below`, ({ p99 }) => p99),
    loop(
      'utilization',
      'Share of the last second in which the loop was not waiting',
      (each) => each.utilization,
    ),
    histogram(
      'nodejs_gc_duration_seconds',
      'Garbage collections of all threads',
      Object.entries(measures.collections).map(([kind, each]) => [{ kind }, each]),
    ),
    heap(
      'used',
      'Heap that a thread uses',
      stats.processes.flatMap(({ pid, slot, threads: its }) =>
        its.map(({ id, heapBytes }): Sample => [{ process: slot, thread: id, pid }, heapBytes]),
      ),
    ),
    heap(
      'total',
      'Heap that a thread has',
      measures.loops.map((each) => [whose(each), each.heapTotalBytes]),
    ),
    process(
      'cpu_seconds',
      'Processor time',
      ({ userMs, systemMs }) => (userMs + systemMs) / 1000,
      counter,
    ),
    process(
      'cpu_user_seconds',
      'Processor time of its code',
      ({ userMs }) => userMs / 1000,
      counter,
    ),
    process(
      'cpu_system_seconds',
      'Processor time of the kernel for it',
      ({ systemMs }) => systemMs / 1000,
      counter,
    ),
    process('resident_memory_bytes', 'Resident memory', ({ rssBytes }) => rssBytes),
    process('open_fds', 'Open descriptors', ({ openDescriptors }) => openDescriptors),
    process('max_fds', 'Descriptors that it may have open', ({ maxDescriptors }) => maxDescriptors),
    process(
      'start_time_seconds',
      'When it was started, since the epoch',
      ({ startedAt }) => startedAt / 1000,
    ),
  ]
}

function whose({ process, thread, pid }: LoopMeasure): Record<string, number> {
  return { process, thread, pid }
}
