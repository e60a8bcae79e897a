import type { Measures, Tally } from '../shared/measures.js'
import type { Stats } from '../shared/stats.js'
import type { ThreadState } from '../sync/thread-rows.js'
import {
  counter,
  gauge,
  histogram,
  type MetricFamily,
  type Sample,
  single,
} from './metric-family.js'

const STATE_NAMES: Readonly<Record<Exclude<ThreadState, '.'>, string>> = {
  S: 'starting',
  _: 'idle',
  R: 'reading',
  W: 'writing',
  K: 'keep_alive',
  C: 'closing',
  G: 'finishing',
}

/** What only a pool has. */
export function poolFamilies(stats: Stats, measures: Measures): readonly MetricFamily[] {
  const { threads, totals, processes, listeners } = stats
  const all = processes.flatMap((each) => each.threads)
  return [
    gauge('forkthread_threads', 'Threads by what they can do for the next connection', [
      [{ state: 'idle' }, threads.idle],
      [{ state: 'busy' }, threads.busy],
      [{ state: 'starting' }, threads.starting],
    ]),
    gauge(
      'forkthread_thread_states',
      'Threads by their letter in the scoreboard',
      Object.entries(STATE_NAMES).map(
        ([letter, state]): Sample => [
          { state },
          all.filter((thread) => thread.state === letter).length,
        ],
      ),
    ),
    single('forkthread_threads_max', 'Threads that the pool may have', threads.max),
    single('forkthread_spares', 'Idle threads', threads.idle),
    single('forkthread_spares_min', 'Idle threads that there should be', measures.spares.min),
    single('forkthread_spares_max', 'Idle threads that are kept', measures.spares.max),
    single(
      'forkthread_busy_share',
      'Busy threads in the most that there may be, over ten seconds',
      stats.busyShare,
    ),
    gauge(
      'forkthread_processes',
      'Child processes',
      (['starting', 'ready', 'draining'] as const).map(
        (state): Sample => [{ state }, processes.filter((each) => each.state === state).length],
      ),
    ),
    single('forkthread_generation', 'Reloads that the pool has begun and kept', stats.generation),
    gauge(
      'forkthread_accept_queue',
      'Connections that the kernel holds ready to be accepted',
      listeners.map(({ address, backlog }) => [{ listener: address }, backlog.length]),
    ),
    gauge(
      'forkthread_accept_queue_limit',
      'How many of them the kernel may hold',
      listeners.map(({ address, backlog }) => [{ listener: address }, backlog.limit]),
    ),
    histogram(
      'forkthread_queue_time_seconds',
      'From the arrival of a request in the kernel to its handler',
      [[{}, measures.queueTimes]],
    ),
    histogram(
      'forkthread_handoff_seconds',
      'From the accept of a connection to the thread that takes it',
      [[{}, measures.handOff]],
    ),
    histogram(
      'forkthread_accept_mutex_wait_seconds',
      'Until a listener thread got the accept mutex',
      [[{}, measures.mutexWaits]],
    ),
    histogram(
      'forkthread_accept_mutex_hold_seconds',
      'From a connection that is there to the release of the accept mutex',
      [[{}, measures.mutexHolds]],
    ),
    single(
      'forkthread_parked_connections',
      'Idle connections that belong to no thread',
      sum(processes.map(({ parked }) => parked)),
    ),
    single(
      'forkthread_connections',
      'Connections that threads have open',
      sum(all.map(({ connections }) => connections)),
    ),
    counter('forkthread_moved_connections', 'Idle connections that went on in another process', [
      [{}, totals.moved],
    ]),
    counter(
      'forkthread_unmoved_connections',
      'Idle connections that no other process had room for',
      [[{}, totals.unmoved]],
    ),
    counter('forkthread_connections_accepted', 'Connections', [[{}, totals.connections]]),
    counter('forkthread_requests', 'Requests whose response is over', [[{}, totals.requests]]),
    counter('forkthread_sent_bytes', 'Written to clients', [[{}, totals.bytes]]),
    counter('forkthread_handler_errors', 'Handlers that threw or rejected', [[{}, totals.errors]]),
    counter('forkthread_refused', 'Turned away before a handler ran', [[{}, totals.refused]]),
    counter('forkthread_proxy_errors', 'PROXY headers that were wrong or did not come', [
      [{}, totals.proxyErrors],
    ]),
    counter(
      'forkthread_starts',
      'Processes and threads that became ready',
      tallied(measures.starts),
    ),
    counter(
      'forkthread_deaths',
      'Processes and threads that died, by what of',
      tallied(measures.deaths),
    ),
    counter(
      'forkthread_recyclings',
      'Processes and threads replaced, by the limit that they had reached',
      tallied(measures.recyclings),
    ),
    counter('forkthread_reloads', 'Reloads by their end', tallied(measures.reloads)),
    ...memory(measures),
  ]
}

function memory({ memory: cgroup }: Measures): readonly MetricFamily[] {
  if (cgroup === undefined) return []
  return [
    single('forkthread_memory_bytes', "Memory of the pool's cgroup", cgroup.usedBytes),
    single('forkthread_memory_limit_bytes', "What the pool's cgroup may have", cgroup.limitBytes),
  ]
}

function tallied(tallies: readonly Tally[]): readonly Sample[] {
  return tallies.map(({ labels, count }) => [labels, count])
}

function sum(values: readonly number[]): number {
  return values.reduce((one, other) => one + other, 0)
}
