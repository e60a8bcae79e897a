import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { tempFolder } from '../support/temp-folder.js'
import { wholeNumber } from './command-line.js'
import { blockingBimodal, blockingFixed } from './loads/all.js'
import { describeMachine, machineLine } from './machine.js'
import { measure } from './measure.js'
import { pool } from './peers/pool.js'
import { progress } from './progress.js'
import { loadTables } from './report/load-tables.js'
import { terminalTable } from './report/table.js'

// Whether leaving the accept mutex out is worse for balance: the pool with each mechanism under the same arrivals.
// Exit status as in bench.ts: an uneven pool is a figure, not a failure.

const usage = `usage: node build/test/bench/balance.js [--quick] [--rounds N] [--processes N]... [--fcntl] [--json FILE]
  --quick        a look in a minute: fewer and shorter rounds
  --rounds N     how often each measurement is repeated
  --processes N  only with so many processes, of one thread each; may be given several times (default: 2, 4 and 8)
  --fcntl        fcntl too, not only flock and none
  --json FILE    also write every measurement and the machine's description`

const thorough = { load: 0.65, seconds: 2, rounds: 10, warmUpSeconds: 1 }
const quick = { load: 0.65, seconds: 1, rounds: 2, warmUpSeconds: 0.5 }

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
    return {
      ...preset,
      rounds: wholeNumber('--rounds', values.rounds) ?? preset.rounds,
      processCounts: values.processes.flatMap((n) => wholeNumber('--processes', n) ?? []),
      mechanisms: ['flock', 'none', ...(values.fcntl ? ['fcntl'] : [])],
      json: values.json,
    }
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

const { json, processCounts, mechanisms, ...plan } = options()
const machine = describeMachine()
const loads = [blockingFixed, blockingBimodal]
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
console.log(`${machineLine(machine)}
${plan.rounds} rounds of ${plan.seconds} s, one thread per process; median (min..max) of the rounds
a ratio is the median of the rounds' ratios (95 % sure; below six rounds their range)`)

const all = []
using folder = tempFolder()
try {
  for (const processes of processCounts) {
    const pools = mechanisms.map((mechanism) =>
      pool({ processes, threads: 1, options: ['--accept-mutex', mechanism] }),
    )
    const { measurements, problems } = await measure({
      ...plan,
      servers: pools,
      loads,
      threads: processes,
      folder: folder.path,
      signal: interrupt.signal,
      report: progress,
      // News of pools that start and stop.
      log: () => undefined,
    })
    progress('')
    const names = pools.map(({ name }) => name)
    for (const table of loadTables(measurements, loads, names)) {
      console.log(`\n${processes} processes, ${terminalTable(table)}`)
    }
    for (const problem of problems) console.log(`problem: ${problem}`)
    all.push(...measurements.map(({ responsesMs: _, ...rest }) => ({ processes, ...rest })))
  }
} catch (error) {
  progress('')
  console.error(interrupt.signal.aborted ? 'interrupted' : error)
  process.exit(1)
}
if (json !== undefined) {
  writeFileSync(json, `${JSON.stringify({ machine, plan, measurements: all }, null, 2)}\n`)
}
