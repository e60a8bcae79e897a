import type { EventEmitter } from 'node:events'
import type { PoolOptions } from '../../options/options.js'
import { ForkthreadError } from '../../shared/errors.js'
import type { Logger, Origin } from '../../shared/logger.js'
import type { PoolEvents } from '../pool-events.js'
import { createLog } from './create-log.js'

/** Errors that tell of the end of something. */
const DEATHS: ReadonlySet<string> = new Set([
  'FT_ERR_CHILD_DIED',
  'FT_ERR_CHILD_STUCK',
  'FT_ERR_PARKER_DIED',
  'FT_ERR_THREAD_DIED',
])

/** Logs as the options say, and returns the logger. Without a word on logging the program follows the pool by its events. */
export function logAsTold(
  pool: EventEmitter<PoolEvents>,
  { logger: given, logFormat, logLevel }: PoolOptions,
): PoolOptions['logger'] {
  if (given !== undefined) {
    logPool(pool, given)
    return given
  }
  if (logFormat === undefined && logLevel === undefined) return undefined
  const log = createLog({ logFormat, logLevel })
  logPool(pool, log)
  pool.once('listening', () => log.open?.())
  return log
}

/**
 * Writes one line for each thing that happens to the pool. `event` says what kind it is of; `process`, `thread`, `generation` and
 * `pid` whom it is about.
 */
function logPool(pool: EventEmitter<PoolEvents>, log: Logger): void {
  const { pid } = process
  pool.on('listening', (addresses) =>
    log.debug({ event: 'start', pid, addresses }, `serving on ${addresses.join(', ')}`),
  )
  pool.on('child', (child) => log.info({ event: 'start', ...child }, `child ${child.pid} is ready`))
  pool.on('thread', ({ phase, ...thread }) =>
    log.debug(
      { event: phase === 'ready' ? 'start' : 'end', ...thread },
      `thread ${thread.thread} of child ${thread.pid} ${phase === 'ready' ? 'is ready' : 'has ended'}`,
    ),
  )
  pool.on('exit', ({ expected, ...child }) => {
    // One that nobody has asked to go is told of with what is known of its death, as an error.
    if (!expected) return
    const seconds = Math.round(child.livedMs / 1000)
    log.info({ event: 'end', ...child }, `child ${child.pid} has left after ${seconds} s`)
  })
  pool.on('decision', ({ action, reason }, origin) =>
    log.info({ event: 'decision', pid, ...origin, action, reason }, `${action}: ${reason}`),
  )
  pool.on('reload', (progress) => {
    const { generation, step, replaced, remaining, phase } = progress
    const text = `reload ${generation}: ${step} (${replaced} replaced, ${remaining} to go)`
    // What it failed of comes as an error.
    if (phase === 'failed') log.debug({ event: 'reload', pid, ...progress }, text)
    else log.info({ event: 'reload', pid, ...progress }, text)
  })
  pool.on('error', (error, origin) => logError(log, error, origin))
  pool.on('close', () => log.debug({ event: 'end', pid }, 'the pool is closed'))
}

/** An error that was survived. */
export function logError(log: Logger, error: Error, origin: Origin = {}): void {
  const code = error instanceof ForkthreadError ? error.code : undefined
  const event = code !== undefined && DEATHS.has(code) ? 'death' : 'error'
  log.error({ event, pid: process.pid, ...origin, code, err: error }, error.message)
}
