import { quantile } from './statistics.js'

/** One answered request; all times in ms on the clock of the whole machine. */
export interface Served {
  readonly pid: number
  readonly arrivedMs: number
  readonly startedMs: number
  readonly endedMs: number
  /** When the client had the response. */
  readonly answeredMs: number
}

export interface BalanceFigures {
  readonly p50Ms: number
  readonly p99Ms: number
  /** p99 of one FIFO queue before the same number of servers, with this run's arrivals and service times. */
  readonly limitP99Ms: number
  readonly p99OfLimit: number
  /** Share of requests that waited while a thread idled, each for longer than `NOTABLE_MS`. */
  readonly waitedBesideIdle: number
  /** Of requests per process: standard deviation / mean; 0 is even. */
  readonly variation: number
  /** Jain's index of the same: 1 is even, 1 / processes is all in one. */
  readonly jain: number
}

// Accepting, parsing and a late wake-up of a busy core stay below this.
const NOTABLE_MS = 2

/** `processes` have one thread each, so that a process is idle or busy as a whole. */
export function balanceFigures(served: readonly Served[], processes: number): BalanceFigures {
  const responsesMs = served.map(({ arrivedMs, answeredMs }) => answeredMs - arrivedMs)
  const p99Ms = quantile(responsesMs, 0.99)
  const limitP99Ms = quantile(singleQueue(served, processes), 0.99)
  return {
    p50Ms: quantile(responsesMs, 0.5),
    p99Ms,
    limitP99Ms,
    p99OfLimit: p99Ms / limitP99Ms,
    waitedBesideIdle: waitedBesideIdle(served, processes),
    ...evenness(served, processes),
  }
}

/** Response times if the requests had stood in one queue from which `servers` servers take. */
function singleQueue(served: readonly Served[], servers: number): number[] {
  const freeAtMs = new Array<number>(servers).fill(Number.NEGATIVE_INFINITY)
  return served
    .toSorted((a, b) => a.arrivedMs - b.arrivedMs)
    .map(({ arrivedMs, startedMs, endedMs }) => {
      const next = freeAtMs.indexOf(Math.min(...freeAtMs))
      const startMs = Math.max(arrivedMs, freeAtMs[next] ?? arrivedMs)
      freeAtMs[next] = startMs + endedMs - startedMs
      return startMs + endedMs - startedMs - arrivedMs
    })
}

interface Gap {
  readonly fromMs: number
  readonly toMs: number
}

function waitedBesideIdle(served: readonly Served[], processes: number): number {
  const pids = new Set(served.map(({ pid }) => pid))
  const gaps = [...pids].flatMap((of) => idleGaps(served.filter(({ pid }) => pid === of)))
  // Whoever served nothing was idle all the time.
  if (pids.size < processes) {
    gaps.push({ fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY })
  }
  const waited = served.filter(({ arrivedMs, startedMs }) =>
    gaps.some((gap) => overlapMs(gap, { fromMs: arrivedMs, toMs: startedMs }) > NOTABLE_MS),
  )
  return waited.length / served.length
}

/** When the one thread of a process ran no handler. */
function idleGaps(served: readonly Served[]): Gap[] {
  const sorted = served.toSorted((a, b) => a.startedMs - b.startedMs)
  const ends = [Number.NEGATIVE_INFINITY, ...sorted.map(({ endedMs }) => endedMs)]
  const starts = [...sorted.map(({ startedMs }) => startedMs), Number.POSITIVE_INFINITY]
  return ends
    .map((fromMs, n) => ({ fromMs, toMs: starts[n] ?? fromMs }))
    .filter(({ fromMs, toMs }) => toMs - fromMs > NOTABLE_MS)
}

const overlapMs = (a: Gap, b: Gap): number =>
  Math.min(a.toMs, b.toMs) - Math.max(a.fromMs, b.fromMs)

function evenness(
  served: readonly Served[],
  processes: number,
): { variation: number; jain: number } {
  const counts = new Map<number, number>()
  for (const { pid } of served) counts.set(pid, (counts.get(pid) ?? 0) + 1)
  const mean = served.length / processes
  // Processes that served nothing add no square, but are in the mean.
  const squares = [...counts.values()].reduce((sum, count) => sum + count ** 2, 0) / processes
  return { variation: Math.sqrt(squares - mean ** 2) / mean, jain: mean ** 2 / squares }
}
