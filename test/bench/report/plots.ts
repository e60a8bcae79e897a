import { type FigureName, figures } from '../figures/figure.js'
import { summarize, summarizeStarts } from '../summary.js'
import { type BarChart, type BarGroup, barChart } from './bar-chart.js'
import { type GrowthRow, growthRows } from './growth-tables.js'
import { type LineChart, lineCharts } from './line-charts.js'
import type { Results } from './report.js'
import { linear, logarithmic } from './scale.js'

/** File names and what goes into them; a plot that nothing was measured for is left out. */
export function plots(results: Results): Map<string, string> {
  const files = new Map<string, string>()
  const add = (file: string, chart: BarChart): void => {
    if (chart.groups.length > 0) files.set(file, barChart(chart))
  }
  const limit = groups(results, 'p99OfLimit')
  add('tail.svg', {
    title: 'The slowest of a hundred requests, over the limit',
    subtitle:
      'p99 ÷ p99 of one queue before as many threads; 1 can’t be beaten, less is better (logarithmic)',
    digits: 2,
    groups: limit,
    scale: logarithmic(1, most(limit)),
  })
  const cpu = groups(results, 'cpuUsPerRequest', [
    'hello-close',
    'hello-keep-alive',
    'unix',
    'echo',
  ])
  add('cpu.svg', {
    title: 'CPU time per request',
    subtitle:
      'µs of the whole process tree, handlers that do nothing, far from saturation; less is better',
    digits: 0,
    groups: cpu,
    scale: linear(most(cpu)),
  })
  const rate = groups(results, 'requestsPerSecond')
  add('throughput.svg', {
    title: 'Requests per second at saturation',
    subtitle: 'handlers that do nothing, wrk on the same cores; more is better',
    digits: 0,
    groups: rate,
    scale: linear(most(rate)),
  })
  const memory = memoryGroups(results)
  add('memory.svg', {
    title: 'Memory at equal threads',
    subtitle:
      'MiB, proportional (PSS), of the whole process tree, before the first request; less is better',
    digits: 0,
    groups: memory,
    scale: linear(most(memory)),
  })
  if (results.growth !== undefined) files.set('growth.svg', growthPlot(results))
  return files
}

const most = (all: readonly BarGroup[]): number =>
  Math.max(...all.flatMap(({ bars }) => bars.map(({ value }) => value.max)), 0)

/** A group per load that has the figure. */
function groups(
  { measured, loads, pools }: Results,
  figure: FigureName,
  only?: readonly string[],
): BarGroup[] {
  const rows = summarize(measured.measurements)
  return loads
    .filter(({ name }) => only === undefined || only.includes(name))
    .map(({ name }) => ({
      label: name,
      bars: rows
        .filter((row) => row.load === name)
        .flatMap(({ server, figures: values }) => {
          const value = values[figure]
          const isOwn = pools.some((pool) => pool.name === server)
          return value === undefined ? [] : { label: server, isOwn, value }
        }),
    }))
    .filter(({ bars }) => bars.length > 0)
}

function memoryGroups({ measured, pools }: Results): BarGroup[] {
  const bars = summarizeStarts(measured.starts).map(({ server, pssMib }) => ({
    label: server,
    isOwn: pools.some((pool) => pool.name === server),
    value: pssMib,
  }))
  return bars.length > 0 ? [{ label: figures.pssMib.title, bars }] : []
}

const columns = [
  ['CPU µs/request', 'cpuUsPerRequest'],
  ['p50 ms', 'p50Ms'],
  ['memory MiB', 'pssMib'],
] as const satisfies readonly (readonly [string, keyof GrowthRow])[]

function growthPlot({ axes, growth }: Results): string {
  const rows = axes.map((axis) => {
    const own = growth === undefined ? [] : growthRows(axis, growth)
    return columns.map(
      ([title, figure]): LineChart => ({
        title: `${title} by ${axis.name}`,
        points: own.flatMap((row) => {
          const value = row[figure]
          return value === undefined ? [] : { at: row.value, value }
        }),
      }),
    )
  })
  return lineCharts(
    'What grows with what',
    'requests that do nothing, a connection for each, far from saturation; axes to the right are logarithmic',
    rows,
  )
}
