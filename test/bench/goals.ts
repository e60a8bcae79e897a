import type { FigureName } from './figures/figure.js'
import type { Measurement } from './measure.js'
import type { Spread } from './statistics.js'
import { ratios, summarize } from './summary.js'

type Bound = { readonly atMost: number } | { readonly atLeast: number }

export interface Goal {
  readonly load: string
  readonly figure: FigureName
  /** Whose figure the pool's is divided by; without one the figure itself counts. */
  readonly peer?: string
  readonly bound: Bound
}

/** What the pool is to reach; a missed one is a figure, not a failure. */
export const goals: readonly Goal[] = [
  { load: 'hello-close', figure: 'cpuUsPerRequest', peer: 'node-http', bound: { atMost: 1.15 } },
  { load: 'close', figure: 'cpuUsPerRequest', peer: 'node-http', bound: { atMost: 1.15 } },
  { load: 'hello-close', figure: 'cpuUsPerRequest', peer: 'cluster-rr', bound: { atMost: 0.6 } },
  { load: 'close', figure: 'cpuUsPerRequest', peer: 'cluster-rr', bound: { atMost: 0.6 } },
  { load: 'keep-alive', figure: 'requestsPerSecond', peer: 'cluster-rr', bound: { atLeast: 0.97 } },
  {
    load: 'keep-alive',
    figure: 'requestsPerSecond',
    peer: 'cluster-none',
    bound: { atLeast: 0.97 },
  },
  ...(['cluster-rr', 'cluster-none'] as const).map((peer) => ({
    load: 'keep-alive',
    figure: 'cpuUsPerRequest' as const,
    peer,
    bound: { atMost: 1.05 },
  })),
  // A server that the program has made costs at most 2 % more than the handler that it exports (1 / 1.02).
  ...(['hello-close', 'close', 'keep-alive'] as const).map((load) => ({
    load,
    figure: 'cpuUsPerRequest' as const,
    peer: 'adopted',
    bound: { atLeast: 0.98 },
  })),
  ...(['fixed', 'bimodal', 'fixed-keep-alive', 'bimodal-keep-alive'] as const).flatMap((load) => [
    {
      load,
      figure: 'p99OfLimit' as const,
      bound: { atMost: load.endsWith('keep-alive') ? 1.2 : 1.15 },
    },
    { load, figure: 'waitedPercent' as const, bound: { atMost: 2 } },
  ]),
]

export interface Verdict extends Goal {
  readonly server: string
  /** A ratio, if there is a peer. */
  readonly value: Spread
  /** `unclear` when the rounds are too few or too noisy to tell on which side it is. */
  readonly met: 'yes' | 'no' | 'unclear'
}

/**
 * Holds what was measured against goals; a pair that was not measured has no verdict.
 *
 * @param peerOf whom a goal means by a peer's name
 */
export function judge(
  measurements: readonly Measurement[],
  servers: readonly string[],
  wanted = goals,
  peerOf = (peer: string): string => peer,
): Verdict[] {
  return wanted.flatMap((goal) =>
    servers.flatMap((server) => {
      const peer = goal.peer === undefined ? {} : { peer: peerOf(goal.peer) }
      const own = { ...goal, ...peer }
      const value = figuresOf(measurements, own, server)[goal.figure]
      return value === undefined
        ? []
        : { ...own, server, value, met: verdict(value.sure, goal.bound) }
    }),
  )
}

const figuresOf = (measurements: readonly Measurement[], { load, peer }: Goal, server: string) =>
  peer === undefined
    ? (summarize(measurements.filter((m) => m.load === load && m.server === server))[0]?.figures ??
      {})
    : ratios(measurements, load, server, peer)

export const isWithin = (value: number, bound: Bound): boolean =>
  'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast

function verdict({ from, to }: Spread['sure'], bound: Bound): Verdict['met'] {
  if (isWithin(from, bound) && isWithin(to, bound)) return 'yes'
  return isWithin(from, bound) || isWithin(to, bound) ? 'unclear' : 'no'
}
