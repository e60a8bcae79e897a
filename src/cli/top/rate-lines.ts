import { percent, plural, short, span } from '../../admin/in-words.js'
import { fit, type Line, type Piece, padded } from '../../admin/terminal-line.js'
import type { LoadPoint } from '../../shared/stats.js'
import { sparkline } from './sparkline.js'
import type { TopState } from './state.js'

/** From so many columns on the plots stand side by side. */
const BESIDE_COLUMNS = 120
const NAME_WIDTH = 11
const VALUE_WIDTH = 22

interface Plot {
  readonly name: string
  readonly value: Line
  readonly of: (point: LoadPoint) => number
  /** What a full bar means at least, or always. */
  readonly least: number
  readonly isFixed?: boolean
}

/** How much, how fast and how busy, now and in the last seconds: in one line, or with plots. */
export function rateLines(state: TopState, rows: number, columns: number): Line[] {
  const plots = plotsOf(state)
  if (rows < 2) return [oneLine(state)]
  return columns < BESIDE_COLUMNS
    ? plots.slice(0, rows).map((plot) => belowOther(plot, state.points, columns))
    : beside(plots, state.points, columns, rows - 1)
}

function plotsOf({ data }: TopState): Plot[] {
  const { requestsPerSecond, duration, queueTime, busyShare, threads } = data.stats
  const quantiles = ({ p50Ms, p99Ms }: { p50Ms: number; p99Ms: number }): Line => [
    { text: span(p50Ms), look: 'strong' },
    { text: '  p99 ', look: 'dim' },
    { text: span(p99Ms), look: 'two' },
  ]
  return [
    {
      ...{ name: 'requests', of: (point) => point.requestsPerSecond, least: 1 },
      value: [
        { text: short(requestsPerSecond), look: 'strong' },
        { text: ' per second', look: 'dim' },
      ],
    },
    {
      ...{ name: 'duration', of: (point) => point.p99Ms, least: 10 },
      value: quantiles(duration),
    },
    {
      ...{ name: 'queue time', of: (point) => point.queueP99Ms, least: 10 },
      value: quantiles(queueTime),
    },
    {
      ...{ name: 'busy', of: (point) => point.busyShare, least: 1, isFixed: true },
      value: [
        { text: percent(busyShare), look: 'strong' },
        { text: ` of ${plural(threads.max, 'thread')}`, look: 'dim' },
      ],
    },
  ]
}

function oneLine({ data }: TopState): Line {
  const { requestsPerSecond, duration, queueTime, busyShare } = data.stats
  const pairs = [
    [short(requestsPerSecond), '/s'],
    [span(duration.p50Ms), ' p50'],
    [span(duration.p99Ms), ' p99'],
    [span(queueTime.p99Ms), ' queue p99'],
    [percent(busyShare), ' busy'],
  ]
  return pairs.flatMap(([value = '', name = '']): Line => {
    return [' ', { text: value, look: 'strong' }, { text: name, look: 'dim' }, ' ']
  })
}

function barsOf(plot: Plot, points: readonly LoadPoint[], columns: number, lines: number): Piece[] {
  const values = points.map(plot.of)
  const highest = Math.max(plot.least, ...values.slice(-columns))
  const most = plot.isFixed === true ? plot.least : highest
  return sparkline(values, columns, most, lines).map((text) => ({ text, look: 'one' }))
}

function belowOther(plot: Plot, points: readonly LoadPoint[], columns: number): Line {
  const name: Piece = { text: ` ${plot.name}`.padEnd(NAME_WIDTH + 1), look: 'dim' }
  const room = Math.max(columns - NAME_WIDTH - VALUE_WIDTH - 3, 0)
  return [name, ...padded(plot.value, VALUE_WIDTH), ' ', ...barsOf(plot, points, room, 1)]
}

function beside(
  plots: readonly Plot[],
  points: readonly LoadPoint[],
  columns: number,
  lines: number,
): Line[] {
  const width = Math.floor((columns - 1) / plots.length)
  const heads = plots.flatMap((plot): Line => {
    const name: Piece = { text: ` ${plot.name}  `, look: 'dim' }
    return padded(fit([name, ...plot.value], width - 1), width)
  })
  const bars = plots.map((plot) => barsOf(plot, points, width - 3, lines))
  const rows = Array.from({ length: lines }, (_, at) =>
    bars.flatMap((one): Line => [' ', one[at] ?? '', '  ']),
  )
  return [heads, ...rows]
}
