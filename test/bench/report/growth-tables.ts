import { figures } from '../figures/figure.js'
import type { Axis, Growth, GrowthMeasurement } from '../growth.js'
import { close } from '../loads/saturation.js'
import { type Spread, spread } from '../statistics.js'
import { number, range } from './cells.js'
import type { Table } from './table.js'

/** What grows, with the figures of each value; also what the plots of growth are drawn from. */
export interface GrowthRow {
  readonly value: number
  readonly cpuUsPerRequest: Spread | undefined
  readonly p50Ms: Spread | undefined
  readonly p99Ms: Spread | undefined
  readonly requestsPerSecond: Spread | undefined
  readonly readyMs: Spread | undefined
  readonly pssMib: Spread | undefined
  readonly failed: number
}

export function growthRows({ name, points }: Axis, growth: Growth): GrowthRow[] {
  return points.map(({ value }) => {
    const is = (one: { readonly axis: string; readonly value: number }): boolean =>
      one.axis === name && one.value === value
    const own = growth.measurements.filter(is)
    const saturated = own.filter(({ load }) => load === close.name)
    const rated = own.filter(({ load }) => load !== close.name)
    const starts = growth.starts.filter(is)
    return {
      value,
      cpuUsPerRequest: of(rated, figures.cpuUsPerRequest.of),
      p50Ms: of(rated, figures.p50Ms.of),
      p99Ms: of(rated, figures.p99Ms.of),
      requestsPerSecond: of(saturated, figures.requestsPerSecond.of),
      readyMs: of(starts, ({ readyMs }) => readyMs),
      pssMib: of(rated, figures.pssMib.of),
      failed: own.reduce((sum, m) => sum + m.failed, 0),
    }
  })
}

function of<T>(all: readonly T[], value: (one: T) => number): Spread | undefined {
  const values = all.map(value).filter(Number.isFinite)
  return values.length > 0 ? spread(values) : undefined
}

export function growthTables(axes: readonly Axis[], growth: Growth): Table[] {
  return axes.map((axis) => {
    const rows = growthRows(axis, growth)
    const columns = [
      ['CPU µs/request', (row: GrowthRow) => range(row.cpuUsPerRequest, 0)],
      ['p50 ms', (row: GrowthRow) => range(row.p50Ms, 2)],
      ['p99 ms', (row: GrowthRow) => range(row.p99Ms, 1)],
      ['saturated requests/s', (row: GrowthRow) => range(row.requestsPerSecond, 0)],
      ['memory MiB', (row: GrowthRow) => range(row.pssMib, 0)],
      ['ready ms', (row: GrowthRow) => range(row.readyMs, 0)],
      ['failed', (row: GrowthRow) => number(row.failed, 0)],
    ] as const
    const filled = columns.filter(([, cell]) => rows.some((row) => cell(row) !== '-'))
    return {
      title: axis.title,
      notes: [],
      head: [axis.name, ...filled.map(([title]) => title)],
      rows: rows.map((row) => [String(row.value), ...filled.map(([, cell]) => cell(row))]),
    }
  })
}

/** The measurements of growth as they are written to a file. */
export const growthForFile = ({ measurements, starts }: Growth): unknown => ({
  measurements: measurements.map(({ responsesMs: _, ...rest }: GrowthMeasurement) => rest),
  starts,
})
