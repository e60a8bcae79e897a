import type { Measurement } from './measure.js'
import { type Spread, spread } from './statistics.js'

/** What a ratio may be taken of. */
export type Figure = 'requestsPerSecond' | 'cpuUsPerRequest'

/** One server under one load, over all rounds. */
export interface Row {
  readonly server: string
  readonly load: string
  readonly requestsPerSecond: Spread
  readonly cpuUsPerRequest: Spread
  readonly failed: number
  readonly failures: readonly string[]
  /** Only of loads that measure latency. */
  readonly latency?: { readonly [figure in 'p50Ms' | 'p99Ms' | 'generatorLateP99Ms']: Spread }
}

/** Rows in the order in which the pairs were first measured. */
export function summarize(measurements: readonly Measurement[]): Row[] {
  const first = measurements.filter(
    ({ load, server }, n) =>
      measurements.findIndex((m) => m.load === load && m.server === server) === n,
  )
  return first.map(({ load, server }) => {
    const group = measurements.filter((m) => m.load === load && m.server === server)
    const latencies = group.flatMap(({ latency }) => latency ?? [])
    return {
      server,
      load,
      requestsPerSecond: spread(group.map((m) => m.requestsPerSecond)),
      cpuUsPerRequest: spread(group.map((m) => m.cpuUsPerRequest)),
      failed: group.reduce((sum, m) => sum + m.failed, 0),
      failures: group.map((m) => m.failures).filter((text) => text !== ''),
      ...(latencies.length > 0 && {
        latency: {
          p50Ms: spread(latencies.map((l) => l.p50Ms)),
          p99Ms: spread(latencies.map((l) => l.p99Ms)),
          generatorLateP99Ms: spread(latencies.map((l) => l.generatorLateP99Ms)),
        },
      }),
    }
  })
}

/**
 * A server's figure divided by a peer's, under the same load. Divided round by round and then summarized: what
 * the machine did in a round is in both figures and falls out. Undefined when one of them was not measured.
 */
export function ratio(
  measurements: readonly Measurement[],
  load: string,
  figure: Figure,
  server: string,
  peer: string,
): Spread | undefined {
  const of = (name: string): Map<number, number> =>
    new Map(
      measurements
        .filter((m) => m.load === load && m.server === name)
        .map((m) => [m.round, m[figure]]),
    )
  const peers = of(peer)
  const ratios = [...of(server)].flatMap(([round, value]) => {
    const other = peers.get(round)
    return other === undefined ? [] : value / other
  })
  return ratios.length > 0 ? spread(ratios) : undefined
}
