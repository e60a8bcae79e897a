import { type FigureName, figures } from '../figures/figure.js'
import type { Load } from '../loads/load.js'
import type { Measurement } from '../measure.js'
import { type Row, ratios, summarize } from '../summary.js'
import { number, range, sureRange } from './cells.js'
import type { Cells, Table } from './table.js'

const shown: readonly FigureName[] = [
  'requestsPerSecond',
  'cpuUsPerRequest',
  'p50Ms',
  'p90Ms',
  'p99Ms',
  'p99OfLimit',
  'waitedPercent',
  'jain',
  'pssMib',
  'generatorLateP99Ms',
]

const compared: readonly FigureName[] = [
  'requestsPerSecond',
  'cpuUsPerRequest',
  'p50Ms',
  'p90Ms',
  'p99Ms',
  'pssMib',
]

/**
 * Two tables per load: the figures of each server, and the pool's divided by each peer's.
 *
 * @param isCompared whether a pool is to be divided by a peer
 */
export function loadTables(
  measurements: readonly Measurement[],
  loads: readonly Pick<Load, 'name' | 'description'>[],
  pools: readonly string[],
  isCompared = (_pool: string, _peer: string): boolean => true,
): Table[] {
  const rows = summarize(measurements)
  return loads.flatMap((load) => {
    const own = rows.filter((row) => row.load === load.name)
    if (own.length === 0) return []
    const tables = [figuresTable(load, own)]
    const pairs = ratioRows(measurements, load.name, own, pools, isCompared)
    if (pairs.length > 0) {
      tables.push({
        title: `${load.name}: ratios`,
        notes: [],
        ...withoutEmptyColumns(['', ...compared.map((name) => figures[name].title)], pairs),
      })
    }
    return tables
  })
}

function figuresTable(
  { name, description }: Pick<Load, 'name' | 'description'>,
  rows: readonly Row[],
): Table {
  const head = ['server', ...shown.map((figure) => figures[figure].title), 'p99.9 ms', 'failed']
  const cells = rows.map((row) => [
    row.server,
    ...shown.map((figure) => range(row.figures[figure], figures[figure].digits)),
    number(row.p999Ms, 1),
    `${row.failed} of ${row.requests + row.failed}`,
  ])
  const failures = rows.flatMap((row) =>
    row.failures.map((text) => `${row.server} failed: ${text}`),
  )
  return {
    title: name,
    notes: [description, ...failures],
    ...withoutEmptyColumns(head, cells),
  }
}

function ratioRows(
  measurements: readonly Measurement[],
  load: string,
  rows: readonly Row[],
  pools: readonly string[],
  isCompared: (pool: string, peer: string) => boolean,
): Cells[] {
  const servers = rows.map(({ server }) => server)
  return servers
    .filter((server) => pools.includes(server))
    .flatMap((pool) =>
      servers
        // Of two pools the later one is divided by the earlier one.
        .filter((server) =>
          pools.includes(server)
            ? pools.indexOf(server) < pools.indexOf(pool)
            : isCompared(pool, server),
        )
        .map((peer) => {
          const values = ratios(measurements, load, pool, peer)
          return [`${pool} ÷ ${peer}`, ...compared.map((name) => sureRange(values[name], 2))]
        }),
    )
}

/** A figure that a load does not have is not a column of dashes. */
function withoutEmptyColumns(head: Cells, rows: readonly Cells[]): Pick<Table, 'head' | 'rows'> {
  const keep = (_: string, column: number): boolean => rows.some((row) => row[column] !== '-')
  return { head: head.filter(keep), rows: rows.map((row) => row.filter(keep)) }
}
