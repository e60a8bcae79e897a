import type { BalanceFigures } from './balance-figures.js'
import type { BalanceMeasurement, Mechanism } from './balance-measure.js'
import { services } from './balance-schedule.js'
import { align, type Cells } from './lock-figures.js'
import { type Spread, spread } from './statistics.js'

const head: Cells = [
  '',
  'p50 ms',
  'p99 ms',
  'p99 / limit',
  'waited beside idle %',
  'variation',
  'Jain',
  'generator late p99 ms',
  'failed',
]

/** One block per number of processes and kind of service: a row per mechanism, then each one divided by the first. */
export function balanceTable(measurements: readonly BalanceMeasurement[]): string {
  const counts = [...new Set(measurements.map(({ processes }) => processes))]
  const blocks = counts.flatMap((processes) =>
    services.flatMap(({ name, description }) => {
      const group = measurements.filter((m) => m.processes === processes && m.service === name)
      const title = `${processes} processes, ${name}: ${description}`
      return group.length > 0 ? `${title}\n${align([head, ...rows(group)])}` : []
    }),
  )
  const failures = measurements.flatMap(({ processes, service, mechanism, failures: what }) =>
    what.map((text) => `failed: ${processes} processes, ${service}, ${mechanism}: ${text}`),
  )
  return [...blocks, [...new Set(failures)].join('\n')].filter(Boolean).join('\n\n')
}

function rows(group: readonly BalanceMeasurement[]): Cells[] {
  const mechanisms = [...new Set(group.map(({ mechanism }) => mechanism))].toSorted(byName)
  const base = 'flock'
  return [
    ...mechanisms.map((mechanism) => figuresRow(group, mechanism)),
    ...mechanisms
      .filter((mechanism) => mechanism !== base)
      .map((mechanism) => ratioRow(group, mechanism, base)),
  ]
}

const byName = (a: string, b: string): number => a.localeCompare(b)

function figuresRow(group: readonly BalanceMeasurement[], mechanism: Mechanism): Cells {
  const own = group.filter((m) => m.mechanism === mechanism)
  const of = (figure: keyof BalanceFigures): Spread => spread(own.map((m) => m[figure]))
  const failed = own.reduce((sum, { failures }) => sum + failures.length, 0)
  const percent = spread(own.map((m) => m.waitedBesideIdle * 100))
  return [
    mechanism,
    range(of('p50Ms'), 1),
    range(of('p99Ms'), 0),
    range(of('p99OfLimit'), 2),
    range(percent, 1),
    range(of('variation'), 2),
    of('jain').median.toFixed(3),
    range(spread(own.map((m) => m.generatorLateP99Ms)), 1),
    String(failed),
  ]
}

/** Divided round by round: both got the same schedule. What is in brackets holds the true median, 95 % sure. */
function ratioRow(
  group: readonly BalanceMeasurement[],
  mechanism: Mechanism,
  base: Mechanism,
): Cells {
  const bases = new Map(group.filter((m) => m.mechanism === base).map((m) => [m.round, m]))
  const own = group.filter((m) => m.mechanism === mechanism)
  const ratio = (figure: keyof BalanceFigures): string => {
    const ratios = own.flatMap((m) => m[figure] / (bases.get(m.round)?.[figure] ?? Number.NaN))
    const { median, sure } = spread(ratios)
    return range({ median, min: sure.from, max: sure.to, sure }, 2)
  }
  // A share of nearly nothing divided by another says nothing.
  return [
    `${mechanism} / ${base}`,
    ratio('p50Ms'),
    ratio('p99Ms'),
    ratio('p99OfLimit'),
    ...Array<string>(head.length - 4).fill(''),
  ]
}

// "median (min..max)"; one round has no range.
const range = ({ median, min, max }: Spread, digits: number): string =>
  min === max
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`
