import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { type BenchOptions, parseCommandLine, usage } from './command-line.js'
import { judge } from './goals.js'
import type { Load } from './load.js'
import { fixedRate } from './load-open-loop.js'
import { close, keepAlive, missingWrk } from './load-wrk.js'
import { type Measurement, measure } from './measure.js'
import { missingPool, peers, pools, type Server } from './servers.js'
import { figuresTable, goalsTable } from './table.js'

// The benchmark: the pool beside its peers, in one run. Exit status: 0 measured, 1 a server or a tool failed,
// 2 wrong usage or nothing that can be measured. A missed goal is a figure, not a failure.

const servers = [...peers, ...pools]
const loads = [keepAlive, close, fixedRate]

/** The named ones of a kind, or all of it when none of that kind is named. */
function chosen<T extends { readonly name: string }>(all: readonly T[], only: readonly string[]) {
  const named = all.filter(({ name }) => only.includes(name))
  return named.length > 0 ? named : [...all]
}

function options(): BenchOptions {
  try {
    const names = [...servers, ...loads].map(({ name }) => name)
    return parseCommandLine(process.argv.slice(2), names)
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

/** What can be measured here; says on stderr what can't and why. */
function available(only: readonly string[]): { servers: Server[]; loads: Load[] } {
  let someServers = chosen(servers, only)
  let someLoads = chosen(loads, only)
  const cli = missingPool()
  if (cli !== undefined && someServers.some((server) => pools.includes(server))) {
    console.error(`${cli} is not built (npm run build): only the peers are measured`)
    someServers = someServers.filter((server) => !pools.includes(server))
  }
  const noWrk = missingWrk()
  if (noWrk !== undefined && someLoads.some((load) => load !== fixedRate)) {
    console.error(noWrk)
    someLoads = someLoads.filter((load) => load === fixedRate)
  }
  if (someServers.length === 0 || someLoads.length === 0) {
    console.error('nothing is left to measure')
    process.exit(2)
  }
  return { servers: someServers, loads: someLoads }
}

/** Reports on a terminal replace each other; elsewhere only those that end their line are kept. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
  else if (line.endsWith('\n')) process.stderr.write(line)
}

const { only, json, ...plan } = options()
const subject = available(only)
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  kernel: release(),
  node: process.version,
  // More than a fraction of a core here is somebody else's work, and it is in the figures.
  loadAverageBefore: loadavg()[0],
}
const machineLine = `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}, load ${machine.loadAverageBefore?.toFixed(2)}`
const planLine = `${plan.rounds} rounds of ${plan.seconds} s after ${plan.warmUpSeconds} s of warm-up; median (min..max); a ratio is the median of the rounds' ratios`

const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())

let measurements: Measurement[] = []
try {
  measurements = await measure({
    ...plan,
    ...subject,
    signal: interrupt.signal,
    report: progress,
  })
} catch (error) {
  progress('')
  console.error(interrupt.signal.aborted ? 'interrupted' : error)
  process.exit(1)
}
progress('')

const verdicts = judge(measurements)
const goals = goalsTable(verdicts)
const peerNames = peers.map(({ name }) => name)
console.log(
  `${machineLine}\n${planLine}\n\n${figuresTable(measurements, subject.loads, peerNames)}`,
)
if (goals !== '') console.log(`\n${goals}`)
if (json !== undefined) {
  const report = { machine, plan, ...subject, measurements, verdicts }
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
}
