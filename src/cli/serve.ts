import { constants } from 'node:os'
import { basename } from 'node:path'
import { createPool } from '../create-pool.js'
import type { PoolOptions } from '../options/options.js'
import type { Log } from '../parent/log/create-log.js'
import type { Pool } from '../parent/pool.js'
import { restLater } from '../parent/rest.js'
import { leaveRuntimeFolder, PRIVATE } from '../shared/runtime-folder.js'
import { guardMain, standardTerms } from '../shared/standard-output.js'
import { news, openLog } from './news.js'
import { tellNodeFlags } from './node-flags.js'
import { EarlyOrders, type Order, obey } from './obey.js'
import { onSignal } from './signals.js'
import { Terminal } from './terminal.js'

/** What a shell reports for a process that a signal ended. */
const ENDED_BY_SIGNAL = 128

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
  const terminal = new Terminal()
  const early = new EarlyOrders()
  let logger: Log | undefined
  let pool: Pool | undefined
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
  const carryOut = (signal: Order): void => {
    if (pool === undefined) early.keep(signal)
    else void obey(pool, signal)
  }
  onSignal((signal) => {
    switch (signal) {
      case 'SIGINT':
      case 'SIGTERM':
        return endGracefully(signal)
      case 'SIGQUIT':
        return endAtOnce(signal)
      case 'SIGHUP':
        void terminal.hasHungUp().then((isGone) => {
          if (!isGone) carryOut(signal)
          // The shell and the kernel both tell of it; who has been asked to end already needs no hurry for that.
          else if (firstAt === undefined) endGracefully(signal)
        })
        return
      default:
        carryOut(signal)
    }
  })

  try {
    const options = await readOptions()
    tellNodeFlags()
    process.title = `forkthread: parent ${basename(String(options.handler))}`
    const withAdmin = (given: PoolOptions): PoolOptions => ({ admin: PRIVATE, ...given })
    const reloadOptions = async (): Promise<PoolOptions> => withAdmin(await readOptions())
    const terms = { reloadOptions, signal: starting.signal }
    process.once('exit', leaveRuntimeFolder)
    logger = openLog(options)
    pool = await createPool({ ...withAdmin(options), logger, ...terms })
    if (options.admin !== undefined && pool.adminAddress !== undefined)
      news.notice(`admin on ${pool.adminAddress}`)
  } catch (error) {
    logger?.open?.()
    if (!(error instanceof StoppedWhileStarting)) throw error
    news.notice(error.message)
    return 0
  }
  const isClosed = new Promise<void>((resolve) => pool?.once('close', resolve))
  // The one thing on standard output: scripts wait for these lines.
  for (const address of pool.addresses) console.log(`listening on ${address}`)
  logger?.open?.()
  early.carryOut(pool)
  void restLater()
  await isClosed
  return status
}

class StoppedWhileStarting extends Error {
  constructor(signal: NodeJS.Signals) {
    super(`${signal}: stopped while starting`)
  }
}
