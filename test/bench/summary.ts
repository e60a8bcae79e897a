import { type FigureName, figureNames, figures } from './figures/figure.js'
import type { Measurement, Start } from './measure.js'
import { quantile, type Spread, spread } from './statistics.js'

/** One server under one load, over all rounds. */
export interface Row {
  readonly server: string
  readonly load: string
  readonly rounds: number
  /** Only those that the load has. */
  readonly figures: Partial<Record<FigureName, Spread>>
  /** Of the observed requests of all rounds together, since one round has too few for it. */
  readonly p999Ms: number | undefined
  readonly requests: number
  readonly failed: number
  readonly failures: readonly string[]
}

/** Rows in the order in which the pairs were first measured. */
export function summarize(measurements: readonly Measurement[]): Row[] {
  return groups(measurements, ({ load, server }) => `${load} ${server}`).map((group) => {
    const [{ server, load }] = group
    const responsesMs = group.flatMap((m) => m.responsesMs ?? [])
    return {
      server,
      load,
      rounds: group.length,
      figures: spreads((name) => group.map(figures[name].of)),
      p999Ms: responsesMs.length > 0 ? quantile(responsesMs, 0.999) : undefined,
      requests: group.reduce((sum, m) => sum + m.requests, 0),
      failed: group.reduce((sum, m) => sum + m.failed, 0),
      failures: group.map((m) => m.failures).filter((text) => text !== ''),
    }
  })
}

/**
 * A server's figures divided by a peer's, under the same load. Divided round by round and then summarized: what
 * the machine did in a round is in both and falls out. A figure that one of them lacks has no ratio.
 */
export function ratios(
  measurements: readonly Measurement[],
  load: string,
  server: string,
  peer: string,
): Partial<Record<FigureName, Spread>> {
  const of = (name: string): Map<number, Measurement> =>
    new Map(
      measurements.filter((m) => m.load === load && m.server === name).map((m) => [m.round, m]),
    )
  const peers = of(peer)
  return spreads((name) =>
    [...of(server)].map(([round, own]) => {
      const other = peers.get(round)
      return other === undefined ? Number.NaN : figures[name].of(own) / figures[name].of(other)
    }),
  )
}

export interface StartRow {
  readonly server: string
  readonly readyMs: Spread
  readonly pssMib: Spread
}

export function summarizeStarts(starts: readonly Start[]): StartRow[] {
  return groups(starts, ({ server }) => server).map((group) => ({
    server: group[0].server,
    readyMs: spread(group.map(({ readyMs }) => readyMs)),
    pssMib: spread(group.map(({ pssBytes }) => pssBytes / 2 ** 20)),
  }))
}

/** Of each figure that has any finite value. */
function spreads(values: (name: FigureName) => number[]): Partial<Record<FigureName, Spread>> {
  return Object.fromEntries(
    figureNames.flatMap((name) => {
      const finite = values(name).filter(Number.isFinite)
      return finite.length > 0 ? [[name, spread(finite)]] : []
    }),
  )
}

/** In the order of their first members. */
function groups<T>(all: readonly T[], key: (one: T) => string): [T, ...T[]][] {
  const byKey = new Map<string, [T, ...T[]]>()
  for (const one of all) {
    const group = byKey.get(key(one))
    if (group === undefined) byKey.set(key(one), [one])
    else group.push(one)
  }
  return [...byKey.values()]
}
