import type { Decision, ProcessStats, Stats, ThreadStats } from '../../shared/stats.js'
import type { HandlerKind } from '../../shared/terms.js'
import { bit } from '../../sync/bits.js'
import { monotonicMs } from '../../sync/clock.js'
import type { Counts } from '../../sync/common-counts.js'
import { REQUEST_BOUNDS, sumOf } from '../../sync/histogram.js'
import { MAX_THREADS } from '../../sync/limits.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import type { Listener } from '../binding/listener.js'
import type { Children } from '../children/children.js'
import type { ForkedChild } from '../children/forked-child.js'
import { processUsage } from '../children/process-usage.js'
import type { RecentLoad } from './recent-load.js'

export interface StatsSource {
  /** Of all parents that the pool has had. */
  readonly counts: Counts
  /** Of the machine's monotonic clock. */
  readonly startedMs: number
  readonly generation: number
  readonly kinds: readonly HandlerKind[]
  readonly listeners: readonly Listener[]
  readonly children: Children
  readonly scoreboard: Scoreboard
  readonly maxProcesses: number
  readonly maxThreads: number
  readonly lastDecision: Decision
  readonly recent: RecentLoad
  /** Why processes of this generation may differ in their code, if they may. */
  readonly mixedCode: string | undefined
}

/** Puts together what the parent knows and what the scoreboard says. */
export function collectStats(source: StatsSource): Stats {
  const { children, scoreboard, maxThreads } = source
  const { figures } = source.counts
  const { sumSeconds } = sumOf(
    source.counts.requests.map(({ durations }) => durations),
    REQUEST_BOUNDS,
  )
  const processes: ProcessStats[] = []
  const threads = { idle: 0, busy: 0, starting: 0, max: source.maxProcesses * maxThreads }
  let letters = ''
  for (const child of children.all) {
    const idleWord = scoreboard.field(child.slot, 'idleWord')
    const rows: ThreadStats[] = []
    for (let id = 0; id < MAX_THREADS; id++) {
      const row = threadStats(scoreboard, child.slot, id)
      // A smaller limit may have come while threads beyond it still finish.
      if (id < maxThreads || row.state !== '.') letters += row.state
      if (row.state === '.') continue
      rows.push(row)
      if (row.state === 'S') threads.starting++
      else if (idleWord & bit(id)) threads.idle++
      else threads.busy++
    }
    processes.push(processStats(child, rows, scoreboard.field(child.slot, 'parked')))
  }
  return {
    pid: process.pid,
    generation: source.generation,
    uptimeMs: Math.round(monotonicMs() - source.startedMs),
    listeners: source.listeners.map((listener, index) => ({
      address: listener.name(source.kinds[index]),
      backlog: listener.backlog,
    })),
    totals: {
      connections: figures.accepted ?? 0,
      requests: figures.requests ?? 0,
      bytes: figures.bytes ?? 0,
      durationMs: Math.round(sumSeconds * 1000),
      errors: figures.errors ?? 0,
      childDeaths: figures.childDeaths ?? 0,
      threadDeaths: figures.threadDeaths ?? 0,
      reloads: figures.generations ?? 0,
      proxyErrors: figures.proxyErrors ?? 0,
      refused: figures.refused ?? 0,
      moved: figures.moved ?? 0,
      unmoved: figures.unmoved ?? 0,
    },
    queueTime: source.recent.queueTime,
    duration: source.recent.duration,
    requestsPerSecond: source.recent.points.at(-1)?.requestsPerSecond ?? 0,
    busyShare: source.recent.busyShare,
    threads,
    processes,
    scoreboard: letters,
    lastDecision: source.lastDecision,
    ...(source.mixedCode === undefined ? {} : { mixedCode: source.mixedCode }),
  }
}

function processStats(
  child: ForkedChild,
  threads: readonly ThreadStats[],
  parked: number,
): ProcessStats {
  return {
    pid: child.pid,
    slot: child.slot,
    generation: child.generation,
    state: child.state === 'gone' ? 'draining' : child.state,
    startedAt: child.startedAt,
    ageMs: Math.round(child.livedMs),
    ...processUsage(child.pid),
    parked,
    threads,
  }
}

function threadStats(scoreboard: Scoreboard, slot: number, id: number): ThreadStats {
  const row = scoreboard.rows.read(slot, id)
  return {
    id,
    state: row.state,
    inFlight: row.inFlight,
    connections: row.connections,
    upgraded: scoreboard.rows.readUpgraded(slot, id),
    requests: row.requests,
    busyMs: row.busySince === 0 ? 0 : Math.max(0, Math.round(monotonicMs() - row.busySince)),
    loopDelayMs: row.loopDelayMs,
    heapBytes: row.heapBytes,
  }
}
