import type { Measurement } from './measure.js'
import type { Spread } from './statistics.js'
import { type Figure, ratio } from './summary.js'

interface Goal {
  readonly loads: readonly string[]
  readonly figure: Figure
  readonly peers: readonly string[]
  readonly bound: { readonly atMost: number } | { readonly atLeast: number }
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
  /** Whether the median is within the goal. */
  readonly met: boolean
}

/** Holds what was measured against the goals; a pair that was not measured has no verdict. */
export function judge(measurements: readonly Measurement[]): Verdict[] {
  return goals.flatMap(({ loads, figure, peers, bound }) =>
    loads.flatMap((load) =>
      peers.flatMap((peer) =>
        judged.flatMap((server) => {
          const measured = ratio(measurements, load, figure, server, peer)
          if (measured === undefined) return []
          const [goal, met] =
            'atMost' in bound
              ? [`<= ${bound.atMost}`, measured.median <= bound.atMost]
              : [`>= ${bound.atLeast}`, measured.median >= bound.atLeast]
          return { load, figure, server, peer, ratio: measured, goal, met }
        }),
      ),
    ),
  )
}
