import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { parseArgs } from 'node:util'
import { print, type Section } from './lock-figures.js'
import { measureFiles } from './lock-files.js'
import { measureHandOff } from './lock-hand-off.js'
import { measureThreads } from './lock-threads.js'

// The locks beside what else there is, and beside their floor: `node build/test/bench/locks.js [--quick] [--only NAME]...`
// Exit status as in http.ts: a missed goal is a figure, not a failure.

const sections: Readonly<Record<string, (isQuick: boolean) => Promise<Section>>> = {
  threads: measureThreads,
  files: measureFiles,
  'hand-off': measureHandOff,
}

const usage = `usage: node build/test/bench/locks.js [--quick] [--only ${Object.keys(sections).join('|')}]...`

function options(): { quick: boolean; only: string[] } {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
      },
    })
    const unknown = values.only.find((name) => !(name in sections))
    if (unknown !== undefined) throw new Error(`--only ${unknown}: there is no such section`)
    return values
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

const { quick, only } = options()
const load = loadavg()[0]?.toFixed(2)
console.log(
  `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}, load ${load}; medians`,
)
for (const [name, measure] of Object.entries(sections)) {
  if (only.length === 0 || only.includes(name)) print(await measure(quick))
}
