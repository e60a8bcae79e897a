import type { Spread } from '../statistics.js'
import { linear, logarithmic } from './scale.js'
import { dot, line, path, picture, text } from './svg.js'

/** One small plot: how a figure grows; the axis to the right is logarithmic. */
export interface LineChart {
  readonly title: string
  readonly points: readonly { readonly at: number; readonly value: Spread }[]
}

const COLUMN = 270
const ROW = 190
const LEFT = 52
const PLOT_WIDTH = COLUMN - LEFT - 20
const PLOT_HEIGHT = 110
const TOP = 60

/** Plots in rows and columns. */
export function lineCharts(
  title: string,
  subtitle: string,
  rows: readonly (readonly LineChart[])[],
): string {
  const columns = Math.max(...rows.map((row) => row.length))
  const shapes = rows.flatMap((row, y) =>
    row.flatMap((chart, x) => draw(chart, x * COLUMN, TOP + y * ROW)),
  )
  return picture(columns * COLUMN + 10, TOP + rows.length * ROW, title, [
    text(16, 26, title, { style: 'title' }),
    text(16, 44, subtitle, { style: 'muted' }),
    ...shapes,
  ])
}

function draw({ title, points }: LineChart, left: number, top: number): string[] {
  const first = points[0]
  const last = points.at(-1)
  if (first === undefined || last === undefined) return []
  const across = logarithmic(first.at, last.at)
  const up = linear(Math.max(...points.map(({ value }) => value.max)))
  const x = (at: number): number => left + LEFT + across.at(at) * PLOT_WIDTH
  const y = (value: number): number => top + 24 + (1 - up.at(value)) * PLOT_HEIGHT
  return [
    text(left + 16, top + 12, title, { style: 'heading' }),
    ...up.ticks.flatMap((tick) => [
      line(left + LEFT, y(tick), left + LEFT + PLOT_WIDTH, y(tick), 'axis'),
      text(left + LEFT - 6, y(tick) + 4, String(Number(tick.toPrecision(3))), {
        anchor: 'end',
        style: 'muted',
      }),
    ]),
    ...points.map(({ at }) =>
      text(x(at), top + 24 + PLOT_HEIGHT + 16, String(at), { anchor: 'middle', style: 'muted' }),
    ),
    path(points.map(({ at, value }) => [x(at), y(value.median)] as const)),
    ...points.flatMap(({ at, value }) => [
      line(x(at), y(value.min), x(at), y(value.max), 'spread'),
      dot(x(at), y(value.median)),
    ]),
  ]
}
