import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Kind, kinds } from './fixtures/ready-times.js'
import { fixture } from './peers/paths.js'
import { type Spread, spread } from './statistics.js'

const run = promisify(execFile)
const TIMES = 5

export interface ReadyTime {
  readonly what: string
  readonly ms: Spread
}

/** How long one more thread or process takes until it serves, in turns; what others in the field take beside it. */
export async function measureReadyTimes(
  rounds: number,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<ReadyTime[]> {
  const all = Object.keys(kinds) as Kind[]
  const ms = new Map(all.map((kind) => [kind, [] as number[]]))
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of all) {
      report(`round ${round + 1}/${rounds}  ready times  ${kind}`)
      ms.get(kind)?.push(...(await readyTimesOf([kind], signal))[kind])
    }
  }
  return all.map((kind) => ({ what: kinds[kind], ms: spread(ms.get(kind) ?? []) }))
}

/** Some of each of these kinds in turns, all in a process of their own. */
export async function readyTimesOf<K extends Kind>(
  kinds: readonly K[],
  signal: AbortSignal,
): Promise<Readonly<Record<K, readonly number[]>>> {
  const args = [fixture('ready-times'), String(TIMES), ...kinds]
  const { stdout } = await run(process.execPath, args, { signal })
  return JSON.parse(stdout) as Record<K, number[]>
}
