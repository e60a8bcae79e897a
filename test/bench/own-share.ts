/**
 * The share of the pool's own code in the CPU profile of a thread that answers `hello` under keep-alive, by `wrk -c32`: what a request costs
 * beyond Node and the handler. Unlike times it hardly depends on what else the machine does. Prints one line of JSON.
 *
 * usage: node build/test/bench/own-share.js [--frames] [ROUNDS]
 */
import { execFile } from 'node:child_process'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { startCli } from '../support/cli.js'
import { cliPath } from '../support/paths.js'
import { fixture } from './peers/paths.js'
import { spread } from './statistics.js'

const run = promisify(execFile)
const SECONDS = 3

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  readonly samples: readonly number[]
}

export interface OwnShare {
  /** Of the time in which the thread did something. */
  readonly share: number
  /** Our functions, with their shares. */
  readonly frames: readonly (readonly [name: string, share: number])[]
}

const ours = `${pathToFileURL(dirname(cliPath)).href}/`

/** Time in a builtin or in C++ that our code calls is that of Node. */
function ownShare({ nodes, samples }: Profile): OwnShare {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const counts = new Map<string, number>()
  let busy = 0
  for (const sample of samples) {
    const frame = frames.get(sample)
    if (frame === undefined || ['(idle)', '(root)'].includes(frame.functionName)) continue
    busy++
    if (!frame.url.startsWith(ours)) continue
    const { functionName, url, lineNumber } = frame
    const name = `${functionName} ${url.slice(ours.length)}:${lineNumber + 1}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const own = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return {
    share: own / busy,
    frames: [...counts].map(([name, count]) => [name, count / busy] as const),
  }
}

/** One thread, without parking: on a busy machine that would begin at some moment. */
const size = ['--processes', '1', '--threads', '1', '--keep-alive', 'pin']

/** Until then V8 compiles what is hot, and what is not compiled counts for more. */
const WARM_UP_REQUESTS = 50_000
/** A machine that is busy with other work takes long to serve so many. */
const MOST_WARM_UPS = 6

/** @param seconds the length of the profile */
export async function measureOwnShare(seconds = SECONDS): Promise<OwnShare> {
  await using program = startCli([fixture('profiled'), '--listen', '127.0.0.1:0', ...size])
  const [url = ''] = await program.ready()
  for (let turn = 0, served = 0; turn < MOST_WARM_UPS && served < WARM_UP_REQUESTS; turn++) {
    const { stdout } = await run('wrk', ['-t1', '-c32', `-d${seconds}s`, url])
    served += Number(/(\d+) requests in /.exec(stdout)?.[1])
  }
  const load = run('wrk', ['-t1', '-c32', `-d${seconds + 1}s`, url])
  const profile = (await (await fetch(`${url}/profile/${seconds}`)).json()) as Profile
  await load
  return ownShare(profile)
}

if (process.argv[1] === import.meta.filename) {
  const [rounds = '3'] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
  const all: OwnShare[] = []
  for (let round = 0; round < Number(rounds); round++) all.push(await measureOwnShare())
  if (process.argv.includes('--frames')) {
    const sums = new Map<string, number>()
    for (const [name, share] of all.flatMap(({ frames }) => frames))
      sums.set(name, (sums.get(name) ?? 0) + share / all.length)
    for (const [name, share] of [...sums].sort(([, a], [, b]) => b - a).slice(0, 25))
      console.error(`${(share * 100).toFixed(2)} %  ${name}`)
  }
  console.log(JSON.stringify({ ownShare: spread(all.map(({ share }) => share)) }))
}
