import { constants } from 'node:os'
import { createPool } from '../create-pool.js'
import type { PoolOptions } from '../options/options.js'
import type { Pool } from '../parent/pool.js'
import { guardMain, standardTerms } from '../shared/standard-output.js'
import { news, openLog } from './news.js'

/** What a shell reports for a process that a signal ended. */
const ENDED_BY_SIGNAL = 128

/** Signals that ask for a graceful stop; a second one, of either, ends the pool at once. */
const GRACEFUL = ['SIGINT', 'SIGTERM'] as const

/**
 * What comes so soon after the first signal is no second wish. A terminal tells the whole group of a Ctrl-C, and npm its child once more;
 * `timeout` and process managers send TERM to the command and to its group. On a busy machine that takes a while.
 */
const SAME_WISH_MS = 300

/**
 * Runs a pool until a signal, or an order at its admin address, stops it. Resolves with the exit status. `readOptions` is asked
 * again at each reload.
 */
export async function serve(readOptions: () => Promise<PoolOptions>): Promise<number> {
  guardMain(standardTerms(), (stream, lines, why) => {
    news.warning(`${lines} lines of ${stream} could not be written and are lost (${why})`)
  })
  const starting = new AbortController()
  let pool: Pool | undefined
  /** Logs were renamed during the start, when the first children may have opened them already. */
  let isRenamed = false
  let firstAt: number | undefined
  let status = 0
  const endAtOnce = (signal: NodeJS.Signals): void => {
    news.warning(`${signal}: ending at once`)
    status = ENDED_BY_SIGNAL + constants.signals[signal]
    if (pool === undefined) process.exit(status)
    void pool.kill()
  }
  const endGracefully = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (firstAt !== undefined) {
      if (now - firstAt > SAME_WISH_MS) endAtOnce(signal)
      return
    }
    firstAt = now
    if (pool === undefined) starting.abort(new StoppedWhileStarting(signal))
    else {
      news.notice(`${signal}: finishing the requests in flight (once more to end at once)`)
      void pool.close()
    }
  }
  for (const signal of GRACEFUL) process.on(signal, endGracefully)
  process.on('SIGQUIT', endAtOnce)
  // From the beginning: the default of both is the end.
  process.on('SIGHUP', () => void reload(pool))
  process.on('SIGUSR2', () => void upgrade(pool))
  // By default Node starts its inspector.
  process.on('SIGUSR1', () => {
    if (pool === undefined) isRenamed = true
    else reopenLogs(pool)
  })

  try {
    const options = await readOptions()
    const terms = { reloadOptions: readOptions, signal: starting.signal }
    pool = await createPool({ ...options, logger: await openLog(options), ...terms })
  } catch (error) {
    if (!(error instanceof StoppedWhileStarting)) throw error
    news.notice(error.message)
    return 0
  }
  if (isRenamed) reopenLogs(pool)
  const isClosed = new Promise<void>((resolve) => pool?.once('close', resolve))
  process.on('SIGTTIN', () => step(pool, 1))
  process.on('SIGTTOU', () => step(pool, -1))
  if (pool.adminAddress !== undefined) news.notice(`admin on ${pool.adminAddress}`)
  // The one thing on standard output: scripts wait for these lines.
  for (const address of pool.addresses) console.log(`listening on ${address}`)
  await isClosed
  return status
}

class StoppedWhileStarting extends Error {
  constructor(signal: NodeJS.Signals) {
    super(`${signal}: stopped while starting`)
  }
}

/** One process more, or less: moves both limits, so that the step is taken whatever the load. */
function step(pool: Pool | undefined, by: 1 | -1): void {
  if (pool === undefined) return
  const { min, max } = pool.sizes.processes
  const processes = { min: Math.max(min + by, 1), max: Math.max(max + by, 1) }
  try {
    pool.resize({ processes })
    news.notice(`processes are now ${processes.min}:${processes.max}`)
  } catch (error) {
    // At the most that is allowed, or already closing.
    news.problem(error as Error)
  }
}

function reopenLogs(pool: Pool): void {
  news.notice('SIGUSR1: opening the access log anew')
  try {
    pool.reopenLogs()
  } catch (error) {
    news.problem(error as Error)
  }
}

async function reload(pool: Pool | undefined): Promise<void> {
  if (pool === undefined) return news.notice('SIGHUP: still starting')
  try {
    await pool.reload()
  } catch (error) {
    news.problem(error as Error)
  }
}

async function upgrade(pool: Pool | undefined): Promise<void> {
  if (pool === undefined) return news.notice('SIGUSR2: still starting')
  news.notice('SIGUSR2: starting a new parent')
  try {
    const pid = await pool.upgrade()
    news.notice(`the new parent ${pid} serves; finishing the requests in flight`)
  } catch (error) {
    news.problem(error as Error)
  }
}
