import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { cliPath } from '../support/paths.js'
import { tempFolder } from '../support/temp-folder.js'
import { type BenchOptions, parseCommandLine, usage } from './command-line.js'
import { type Growth, growthAxes, measureGrowth } from './growth.js'
import { type LeanFigure, measureLean } from './lean.js'
import { makeLoads } from './loads/all.js'
import { close, keepAlive, missingWrk } from './loads/saturation.js'
import { describeMachine } from './machine.js'
import { measure } from './measure.js'
import { measureOwnShare } from './own-share.js'
import { findPeers } from './peers/all.js'
import { pool } from './peers/pool.js'
import { progress } from './progress.js'
import { measureReadyTimes } from './ready-times.js'
import { plots } from './report/plots.js'
import { jsonReport, markdownReport, type Results, terminalReport } from './report/report.js'

// The benchmark: the pool beside its peers, in one run. Exit status: 0 measured, 1 interrupted or failed,
// 2 wrong usage or nothing that can be measured. A missed goal is a figure, not a failure.

/** Growth is about orders of magnitude, and needs fewer rounds than a comparison. */
const GROWTH_ROUNDS = 3
/** Each starts a pool and warms it up. */
const SHARE_ROUNDS = 5
/** Each waits twice until memory has been given back. */
const LEAN_ROUNDS = 3
const SETTLE_SECONDS = 15

function options(): BenchOptions {
  try {
    const parsed = parseCommandLine(process.argv.slice(2))
    if (parsed !== undefined) return parsed
    console.log(usage)
    process.exit(0)
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

async function run(chosen: BenchOptions, signal: AbortSignal): Promise<Results> {
  using folder = tempFolder()
  const log = serverLog(chosen.out)
  const [size] = chosen.pools
  const threads = size.processes * size.threads
  const machine = describeMachine()
  const wanted = { names: chosen.peers, watt: chosen.watt }
  if (chosen.watt) progress('fetching Watt')
  const candidates = await findPeers(chosen.pools, folder.path, wanted, signal)
  const pools = chosen.pools.map(pool)
  const servers = [...candidates.flatMap((peer) => ('server' in peer ? peer.server : [])), ...pools]
  const noWrk = missingWrk()
  const loads = makeLoads(chosen.loads).filter(
    (load) => noWrk === undefined || ![close, keepAlive].includes(load),
  )
  const { rounds, seconds, load, warmUpSeconds, warmUpRequests, quick } = chosen
  const plan = {
    ...{ rounds, seconds, load, warmUpSeconds, warmUpRequests, signal, log },
    folder: folder.path,
    report: progress,
  }
  const at = new Date()
  const measured = await measure({ ...plan, servers, loads, threads })
  if (noWrk !== undefined) measured.problems.push(noWrk)
  const readyTimes = chosen.sections.includes('ready')
    ? await measureReadyTimes(quick ? 1 : rounds, progress, signal)
    : []
  const ownShares: number[] = []
  if (chosen.sections.includes('share') && noWrk === undefined)
    for (let round = 0; round < (quick ? 1 : Math.min(rounds, SHARE_ROUNDS)); round++) {
      progress(`round ${round + 1}  share of the pool's own code`)
      ownShares.push((await measureOwnShare()).share)
    }
  const lean: LeanFigure[] = chosen.sections.includes('lean')
    ? await measureLean({
        ...plan,
        rounds: quick ? 1 : Math.min(rounds, LEAN_ROUNDS),
        settleSeconds: SETTLE_SECONDS,
        isSaturable: noWrk === undefined,
      })
    : []
  const axes = chosen.sections.includes('growth') ? growthAxes(quick) : []
  let growth: Growth | undefined
  if (axes.length > 0) {
    const isSaturable = noWrk === undefined
    growth = await measureGrowth(axes, {
      ...plan,
      rounds: quick ? 1 : Math.min(rounds, GROWTH_ROUNDS),
      warmUpRequests: 0,
      isSaturable,
    })
  }
  progress('')
  return {
    ...{
      at,
      machine,
      pools,
      candidates,
      loads,
      measured,
      readyTimes,
      ownShares,
      lean,
      axes,
      growth,
    },
    plan: { rounds, seconds, threads, load },
  }
}

/** What servers write on standard error goes to a file beside the results: news of a pool, complaints of a peer. */
function serverLog(out: string): (text: string) => void {
  const file = join(out, 'servers.log')
  rmSync(file, { force: true })
  return (text) => appendFileSync(file, text)
}

function write(out: string, results: Results): void {
  const drawn = plots(results)
  writeFileSync(join(out, 'results.json'), jsonReport(results))
  writeFileSync(join(out, 'results.md'), markdownReport(results, [...drawn.keys()]))
  for (const [file, svg] of drawn) writeFileSync(join(out, file), svg)
}

const chosen = options()
if (!existsSync(cliPath)) {
  console.error(`${cliPath} is not built: npm run build`)
  process.exit(2)
}
mkdirSync(chosen.out, { recursive: true })
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
try {
  const results = await run(chosen, interrupt.signal)
  write(chosen.out, results)
  console.log(terminalReport(results))
  console.log(`\nwritten to ${relative(process.cwd(), chosen.out) || '.'}`)
} catch (error) {
  progress('')
  console.error(interrupt.signal.aborted ? 'interrupted' : error)
  process.exitCode = 1
}
