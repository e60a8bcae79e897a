import { healthOf } from '#dist/admin/health.js'
import type { PageData } from '#dist/admin/page-data.js'
import type { ProcessStats, Stats, ThreadStats } from '#dist/shared/stats.js'

export const NOW = Date.parse('2026-01-02T03:04:05Z')

/** What users may send, and what no terminal may get. */
export const HOSTILE = 'GET /\x1b]0;owned\x07\x9b31m\u202e\u{1f600}漢字/\r\n\t\x1b[2J'

/** As much of a pool as somebody wants to see: `letters[process]` has one letter for each of its threads. */
export function pageDataOf(letters: readonly string[], changes: Partial<Stats> = {}): PageData {
  const processes = letters.map(processOf)
  const all = letters.join('')
  const count = (pattern: RegExp): number => all.match(pattern)?.length ?? 0
  const threads = {
    idle: count(/[_K]/g),
    busy: count(/[RWCG]/g),
    starting: count(/S/g),
    max: all.length,
  }
  const stats: Stats = {
    ...{ pid: 3784, generation: 2, uptimeMs: 7_000_000, processes, threads, scoreboard: all },
    listeners: [{ address: 'http://127.0.0.1:8080', backlog: { length: 3, limit: 1024 } }],
    totals: {
      ...{ connections: 203_000, requests: 81_200_000, bytes: 2 ** 33, durationMs: 9e6 },
      ...{ errors: 12, childDeaths: 1, threadDeaths: 2, reloads: 2, proxyErrors: 0, refused: 7 },
      ...{ moved: 5, unmoved: 0 },
    },
    queueTime: { p50Ms: 0.4, p99Ms: 12 },
    duration: { p50Ms: 3.2, p99Ms: 812 },
    requestsPerSecond: 1234.5,
    busyShare: 0.62,
    lastDecision: { at: NOW - 12_000, action: 'child 3797: start 1 thread', reason: '1 idle' },
    ...changes,
  }
  return {
    now: NOW,
    stats,
    health: healthOf(stats, undefined, undefined),
    ranges: {
      processes: { min: 1, max: letters.length },
      threads: { min: 1, max: letters[0]?.length ?? 1 },
      spares: { min: 2, max: 6 },
    },
    slow: { slowThreshold: 100, routes: [] },
    points: [],
    events: [],
    running: [],
  }
}

function processOf(letters: string, slot: number): ProcessStats {
  const threads = [...letters].map(
    (state, id): ThreadStats => ({
      ...{ id, state: state as ThreadStats['state'], inFlight: state === 'W' ? 1 : 0 },
      ...{ connections: 1, upgraded: 0, requests: 100 * (slot + id) },
      ...{ busyMs: state === 'W' ? 300 * (1 + slot + id) : 0, loopDelayMs: 1 },
      heapBytes: 2 ** 24,
    }),
  )
  return {
    ...{ pid: 3796 + slot, slot, generation: 2, state: 'ready', startedAt: NOW - 3_600_000 },
    ...{
      ageMs: 3_600_000,
      cpuMs: 1_234_567,
      rssBytes: 2 ** 27 + slot * 2 ** 20,
      parked: 2,
      threads,
    },
  }
}
