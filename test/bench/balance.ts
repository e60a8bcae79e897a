import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { parseArgs } from 'node:util'
import { type BalanceMeasurement, type Mechanism, measureBalance } from './balance-measure.js'
import { balanceTable } from './balance-table.js'
import { wholeNumber } from './command-line.js'

// Whether leaving the accept mutex out is worse for balance: the pool with each mechanism under the same arrivals.
// Exit status as in http.ts: an uneven pool is a figure, not a failure.

const usage = `usage: node build/test/bench/balance.js [--quick] [--rounds N] [--processes N]... [--fcntl] [--json FILE]
  --quick        a look in a minute: fewer and shorter rounds
  --rounds N     how often each measurement is repeated
  --processes N  only with so many processes, of one thread each; may be given several times (default: 2, 4 and 8)
  --fcntl        fcntl too, not only flock and none
  --json FILE    also write every measurement and the machine's description`

const thorough = { seconds: 2, rounds: 10 }
const quick = { seconds: 1, rounds: 2 }

/** Share of the time that threads are busy: high enough for queues, with room for what the machine adds to a request. */
const LOAD = 0.65

function options() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        processes: { type: 'string', multiple: true, default: ['2', '4', '8'] },
        fcntl: { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    })
    const preset = values.quick ? quick : thorough
    const mechanisms: Mechanism[] = ['flock', 'none']
    if (values.fcntl) mechanisms.push('fcntl')
    const plan = {
      seconds: preset.seconds,
      rounds: wholeNumber('--rounds', values.rounds) ?? preset.rounds,
      processCounts: values.processes.flatMap((n) => wholeNumber('--processes', n) ?? []),
      mechanisms,
      load: LOAD,
    }
    return { plan, json: values.json }
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

/** Reports on a terminal replace each other; elsewhere only those that end their line are kept. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
  else if (line.endsWith('\n')) process.stderr.write(line)
}

const { plan, json } = options()
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  kernel: release(),
  node: process.version,
  loadAverageBefore: loadavg()[0],
}
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())

let measurements: BalanceMeasurement[] = []
try {
  measurements = await measureBalance({ ...plan, signal: interrupt.signal, report: progress })
} catch (error) {
  progress('')
  console.error(interrupt.signal.aborted ? 'interrupted' : error)
  process.exit(1)
}
progress('')

console.log(`${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}, load ${machine.loadAverageBefore?.toFixed(2)}
${plan.rounds} rounds of ${plan.seconds} s, one thread per process, a connection per request, Poisson arrivals for ${plan.load * 100} % load
median (min..max) of the rounds; a ratio is the median of the rounds' ratios (95 % sure; below six rounds their range)
limit: one queue before as many servers; beside idle: waited for > 2 ms while a thread idled; variation, Jain: requests per process

${balanceTable(measurements)}`)
if (json !== undefined) {
  writeFileSync(json, `${JSON.stringify({ machine, plan, measurements }, null, 2)}\n`)
}
