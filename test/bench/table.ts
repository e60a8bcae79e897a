import type { Verdict } from './goals.js'
import type { Load } from './load.js'
import type { Measurement } from './measure.js'
import type { Spread } from './statistics.js'
import { type Figure, type Row, ratio, summarize } from './summary.js'

type Cells = readonly string[]

const number = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '-'

// "median (min..max)"; one round has no range.
const range = ({ median, min, max }: Spread, digits: number): string =>
  min === max
    ? number(median, digits)
    : `${number(median, digits)} (${number(min, digits)}..${number(max, digits)})`

/** Pads every column to its widest cell; the first column to the left, figures to the right. */
function align(rows: readonly Cells[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: Cells): string =>
    row
      .map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)))
      .join('  ')
  return rows.map(line).join('\n')
}

/** One block per load: a row per server, its figures and their ratios to each peer that was measured. */
export function figuresTable(
  measurements: readonly Measurement[],
  loads: readonly Load[],
  peers: readonly string[],
): string {
  const rows = summarize(measurements)
  return loads
    .map((load) => {
      const ofLoad = rows.filter((row) => row.load === load.name)
      const measured = peers.filter((peer) => ofLoad.some((row) => row.server === peer))
      const withLatency = ofLoad.some((row) => row.latency)
      const head = headRow(withLatency, measured)
      const body = ofLoad.map((row) => figuresRow(row, withLatency, measurements, measured))
      const failures = ofLoad.flatMap((row) =>
        row.failures.map((text) => `  ${row.server} failed: ${text}`),
      )
      return [`${load.name}: ${load.description}`, align([head, ...body]), ...failures].join('\n')
    })
    .join('\n\n')
}

const headRow = (withLatency: boolean, peers: readonly string[]): Cells => [
  'server',
  'requests/s',
  ...(withLatency ? [] : peers.map((peer) => `/ ${peer}`)),
  'CPU us/request',
  ...peers.map((peer) => `/ ${peer}`),
  ...(withLatency ? ['p50 ms', 'p99 ms', 'generator late p99 ms'] : []),
  'failed',
]

function figuresRow(
  { server, load, requestsPerSecond, cpuUsPerRequest, latency, failed }: Row,
  withLatency: boolean,
  measurements: readonly Measurement[],
  peers: readonly string[],
): Cells {
  const ratios = (figure: Figure): string[] =>
    peers.map((peer) => {
      const value = ratio(measurements, load, figure, server, peer)
      return value ? number(value.median, 2) : '-'
    })
  const latencies = [latency?.p50Ms, latency?.p99Ms, latency?.generatorLateP99Ms]
  return [
    server,
    range(requestsPerSecond, 0),
    // The rate of a load with latencies is the load's, not the server's: no ratio.
    ...(withLatency ? [] : ratios('requestsPerSecond')),
    range(cpuUsPerRequest, 1),
    ...ratios('cpuUsPerRequest'),
    ...(withLatency ? latencies.map((value) => (value ? range(value, 2) : '-')) : []),
    String(failed),
  ]
}

/** A row per goal and server; empty when nothing was measured that a goal speaks of. */
export function goalsTable(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return ''
  const words = { cpuUsPerRequest: 'CPU/request', requestsPerSecond: 'requests/s' }
  return align([
    ['goal', 'ratio', '95 % sure', 'wanted', 'met'],
    ...verdicts.map(({ load, figure, server, peer, ratio: value, goal, met }) => [
      `${load} ${words[figure]}: ${server} / ${peer}`,
      range(value, 2),
      `${number(value.sure.from, 2)}..${number(value.sure.to, 2)}`,
      goal,
      met,
    ]),
  ])
}
