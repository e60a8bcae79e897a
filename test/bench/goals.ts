import type { Measurement } from './measure.js'
import type { Spread } from './statistics.js'
import { type Figure, ratio } from './summary.js'

type Bound = { readonly atMost: number } | { readonly atLeast: number }

interface Goal {
  readonly loads: readonly string[]
  readonly figure: Figure
  readonly peers: readonly string[]
  readonly bound: Bound
}

const connection = ['close', 'fixed-rate']

const goals: readonly Goal[] = [
  {
    loads: connection,
    figure: 'cpuUsPerRequest',
    peers: ['node-http'],
    bound: { atMost: 1.3 },
  },
  {
    loads: connection,
    figure: 'cpuUsPerRequest',
    peers: ['cluster-rr-2'],
    bound: { atMost: 0.6 },
  },
  {
    loads: ['keep-alive'],
    figure: 'requestsPerSecond',
    peers: ['cluster-rr-2', 'cluster-none-2'],
    bound: { atLeast: 0.97 },
  },
]

// With as many event loops as the peers that they are held against.
const judged = ['forkthread-1x2', 'forkthread-2x1']

export interface Verdict {
  readonly load: string
  readonly figure: Figure
  readonly server: string
  readonly peer: string
  readonly ratio: Spread
  readonly goal: string
  /** By the median; `unclear` when the rounds are too few or too noisy to tell on which side it is. */
  readonly met: 'yes' | 'no' | 'unclear'
}

/** Holds what was measured against the goals; a pair that was not measured has no verdict. */
export function judge(measurements: readonly Measurement[]): Verdict[] {
  return goals.flatMap(({ loads, figure, peers, bound }) =>
    loads.flatMap((load) =>
      peers.flatMap((peer) =>
        judged.flatMap((server) => {
          const measured = ratio(measurements, load, figure, server, peer)
          if (measured === undefined) return []
          const goal = 'atMost' in bound ? `<= ${bound.atMost}` : `>= ${bound.atLeast}`
          const met = verdict(measured.sure, bound)
          return { load, figure, server, peer, ratio: measured, goal, met }
        }),
      ),
    ),
  )
}

function verdict({ from, to }: Spread['sure'], bound: Bound): Verdict['met'] {
  const within = (value: number): boolean =>
    'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast
  if (within(from) && within(to)) return 'yes'
  return within(from) || within(to) ? 'unclear' : 'no'
}
