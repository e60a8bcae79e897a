import type { EventEmitter } from 'node:events'
import type { PoolSizes } from '../../options/options.js'
import { ForkthreadError, fail } from '../../shared/errors.js'
import { LOG_LEVELS, type LogLevel } from '../../shared/logger.js'
import type { AdminSource, Decision, Order, ReloadProgress } from '../../shared/stats.js'
import type { Sizes } from '../children/sizes.js'
import type { PoolEvents } from '../pool-events.js'

/** A pool that takes orders, and tells what it does about them. */
export interface Obedient extends EventEmitter<PoolEvents> {
  readonly sizes: Sizes
  reload(): Promise<void>
  upgrade(): Promise<number>
  close(): Promise<void>
  resize(sizes: PoolSizes): void
  drain(): void
  undrain(): void
  killThread(process: number, thread: number): Promise<readonly string[]>
  setLogLevel(level: LogLevel): void
}

type Query = Readonly<URLSearchParams>

/**
 * What the admin address may order. Who has given an order is told of all that the pool does meanwhile, and why it fails; that
 * is also reported, since the log is here.
 */
export function ordersFor(pool: Obedient, report: (error: Error) => void): AdminSource['orders'] {
  const order = (carryOut: (query: Query, tell: (step: string) => void) => unknown): Order => {
    return async (tell, query) => {
      const onDecision = ({ action, reason }: Decision): void => tell(`${action}: ${reason}`)
      const onReload = ({ phase, step, replaced, remaining }: ReloadProgress): void => {
        // Why it has failed comes as the order's error.
        if (phase !== 'failed') tell(`${step} (${replaced} replaced, ${remaining} to go)`)
      }
      pool.on('decision', onDecision).on('reload', onReload)
      try {
        await carryOut(query, tell)
      } catch (error) {
        // Who has asked for the wrong thing is told, and nobody else.
        if (!isWrongUse(error)) report(error as Error)
        throw error
      } finally {
        pool.off('decision', onDecision).off('reload', onReload)
      }
    }
  }
  return {
    reload: order(() => pool.reload()),
    upgrade: order(() => pool.upgrade()),
    stop: order(() => pool.close()),
    resize: order((query, tell) => {
      pool.resize(sizesOf(query))
      const { processes, threads, spares } = pool.sizes
      tell(
        `processes ${inWords(processes)}, threads ${inWords(threads)}, spares ${inWords(spares)}`,
      )
    }),
    drain: order(() => pool.drain()),
    undrain: order(() => pool.undrain()),
    kill: order(async (query, tell) => {
      const { process, thread } = placeOf(query.get('thread') ?? '')
      const stack = await pool.killThread(process, thread)
      if (stack.length === 0) tell('its stack could not be had')
      for (const frame of stack) tell(`at ${frame}`)
    }),
    'log-level': order((query) => pool.setLogLevel(levelOf(query.get('level') ?? ''))),
  }
}

function isWrongUse(error: unknown): boolean {
  if (!(error instanceof ForkthreadError)) return false
  return error.code === 'FT_ERR_USAGE' || error.code === 'FT_ERR_OPTION'
}

const NAMES = ['processes', 'threads', 'spares'] as const

/** As on the command line: a number, or `MIN:MAX`. What it is checked for is the pool's matter. */
function sizesOf(query: Query): PoolSizes {
  const sizes: Record<string, string | number> = {}
  for (const name of NAMES) {
    const text = query.get(name)
    if (text !== null) sizes[name] = /^\d+$/.test(text) ? Number(text) : text
  }
  if (Object.keys(sizes).length === 0)
    throw fail('FT_ERR_USAGE', [`A new size is missing: ${NAMES.join(', ')}, each N or MIN:MAX.`])
  return sizes as PoolSizes
}

/** @throws FT_ERR_USAGE */
function placeOf(text: string): { readonly process: number; readonly thread: number } {
  const [, process, thread] = /^(\d+)\.(\d+)$/.exec(text) ?? []
  if (process === undefined)
    throw fail('FT_ERR_USAGE', [
      `A thread is given as PROCESS.THREAD, such as 0.1, by their numbers in status; given was '${text}'.`,
    ])
  return { process: Number(process), thread: Number(thread) }
}

/** @throws FT_ERR_USAGE */
function levelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((one) => one === text)
  if (level !== undefined) return level
  throw fail('FT_ERR_USAGE', [`A level is one of ${LOG_LEVELS.join(', ')}; given was '${text}'.`])
}

const inWords = ({ min, max }: { readonly min: number; readonly max: number }): string =>
  min === max ? String(min) : `${min}:${max}`
