import { goals, judge, type Verdict } from '../goals.js'
import type { Axis, Growth } from '../growth.js'
import type { LeanFigure } from '../lean.js'
import type { Load } from '../loads/load.js'
import { type Machine, machineLine } from '../machine.js'
import type { Measured } from '../measure.js'
import { peerFor } from '../peers/all.js'
import { nodeHttp } from '../peers/node.js'
import type { Candidate, Server } from '../peers/server.js'
import type { ReadyTime } from '../ready-times.js'
import { spread } from '../statistics.js'
import { summarizeStarts } from '../summary.js'
import { goalsTable } from './goals-table.js'
import { growthForFile, growthTables } from './growth-tables.js'
import { loadTables } from './load-tables.js'
import { leanTable, readyTable, shareTable, startTable } from './start-tables.js'
import { markdownTable, type Table, terminalTable } from './table.js'

/** All that a run found out. */
export interface Results {
  readonly at: Date
  readonly machine: Machine
  readonly plan: {
    readonly rounds: number
    readonly seconds: number
    readonly threads: number
    /** For which share of the time blocking loads keep the threads busy. */
    readonly load: number
  }
  readonly pools: readonly Server[]
  readonly candidates: readonly Candidate[]
  readonly loads: readonly Pick<Load, 'name' | 'description'>[]
  readonly measured: Measured
  readonly readyTimes: readonly ReadyTime[]
  /** Of the pool's own code in the profile of a thread, one of each round. */
  readonly ownShares: readonly number[]
  readonly lean: readonly LeanFigure[]
  readonly axes: readonly Axis[]
  readonly growth: Growth | undefined
}

const legend = (results: Results): string[] => [
  machineLine(results.machine),
  `${results.plan.rounds} interleaved rounds of ${results.plan.seconds} s, ${results.plan.threads} threads, busy for ${Math.round(results.plan.load * 100)} % of the time where the handler blocks; each figure is the median (min..max) of the rounds, a ratio the median of the rounds' ratios (95 % sure; below six rounds their range); p99.9 is of all rounds together`,
  'CPU: of the whole process tree. p99 ÷ limit: against one queue before as many threads, with the same arrivals and service times. Waited beside idle: share of requests that waited more than 5 ms while a thread ran no handler. Evenness: Jain, 1 is even. Memory: PSS of the tree. Generator late: how late requests were started, the same trouble for every server',
]

function tables(results: Results): Table[] {
  const { measured, loads, pools, readyTimes, ownShares, lean, axes, growth } = results
  const names = pools.map(({ name }) => name)
  const verdicts = verdictsOf(results)
  const starts = summarizeStarts(measured.starts)
  return [
    ...loadTables(measured.measurements, loads, names, (pool, peer) =>
      areEqual(results, pool, peer),
    ),
    ...(starts.length > 0 ? [startTable(starts)] : []),
    ...(readyTimes.length > 0 ? [readyTable(readyTimes)] : []),
    ...(ownShares.length > 0 ? [shareTable(spread(ownShares))] : []),
    ...(lean.length > 0 ? [leanTable(lean)] : []),
    ...(growth === undefined ? [] : growthTables(axes, growth)),
    ...(verdicts.length > 0 ? [goalsTable(verdicts)] : []),
  ]
}

const verdictsOf = ({ measured, pools, candidates }: Results): Verdict[] =>
  pools.flatMap((pool) =>
    judge(measured.measurements, [pool.name], goals, (peer) => peerFor(pool, peer, candidates)),
  )

/** A peer with more event loops, or fewer, is another pool's. One that has a single loop, whatever the pool has, is everybody's. */
function areEqual({ pools, candidates }: Results, pool: string, peer: string): boolean {
  const own = pools.find(({ name }) => name === pool)
  const other = candidates.find(({ name }) => name === peer)
  if (own === undefined || other === undefined || !('server' in other)) return true
  return other.server === nodeHttp || other.server.threads === own.threads
}

/** Who was measured, set up how, and who was not, and why. */
const participants = ({ pools, candidates }: Results): string[] => [
  ...pools.map(({ name, configuration }) => `${name}: ${configuration}`),
  ...candidates.map((candidate) =>
    'server' in candidate
      ? `${candidate.name}: ${candidate.server.configuration}`
      : `${candidate.name}: not measured: ${candidate.missing}`,
  ),
]

const problemsOf = ({ measured, growth }: Results): string[] => [
  ...measured.problems,
  ...(growth?.problems ?? []),
]

export function terminalReport(results: Results): string {
  const problems = problemsOf(results).map((text) => `problem: ${text}`)
  return [
    [...legend(results), '', ...participants(results)].join('\n'),
    ...tables(results).map(terminalTable),
    ...(problems.length > 0 ? [problems.join('\n')] : []),
  ].join('\n\n')
}

/** @param plots files beside the one that this text is written to */
export function markdownReport(results: Results, plots: readonly string[]): string {
  const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')
  const problems = problemsOf(results)
  return `${[
    '# Benchmark results',
    `Measured on ${results.at.toISOString().slice(0, 10)} by \`npm run bench\`.`,
    ...legend(results),
    list(participants(results)),
    ...plots.map((file) => `![${file.replace(/\.svg$/, '')}](${file})`),
    ...tables(results).map(markdownTable),
    ...(problems.length > 0 ? ['### Problems', list(problems)] : []),
  ].join('\n\n')}\n`
}

/** Everything but the single response times. */
export function jsonReport(results: Results): string {
  const { at, machine, plan, loads, measured, readyTimes, ownShares, lean, growth } = results
  const file = {
    at,
    machine,
    plan,
    participants: participants(results),
    loads: loads.map(({ name, description }) => ({ name, description })),
    measurements: measured.measurements.map(({ responsesMs: _, ...rest }) => rest),
    starts: measured.starts,
    verdicts: verdictsOf(results),
    readyTimes,
    ownShares,
    lean,
    growth: growth === undefined ? undefined : growthForFile(growth),
    problems: problemsOf(results),
  }
  return `${JSON.stringify(file, null, 1)}\n`
}
