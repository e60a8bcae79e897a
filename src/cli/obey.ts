import type { Pool } from '../parent/pool.js'
import { ForkthreadError } from '../shared/errors.js'
import { news } from './news.js'
import type { MeantSignal } from './signals.js'

/** Those that a running pool carries out, and goes on. */
export type Order = Exclude<MeantSignal, 'SIGINT' | 'SIGTERM' | 'SIGQUIT'>

/** What comes during the start: kept until the pool is ready, or let go with a line. docs/signals.md has the whole table. */
export class EarlyOrders {
  readonly #kept: Order[] = []

  keep(signal: Order): void {
    if (signal === 'SIGUSR2') {
      news.notice('SIGUSR2: still starting, so there is no upgrade')
      return
    }
    // The new code, and the renamed files, may have come after the first child looked. Twice is once; of processes each one counts.
    const isRepeated = (signal === 'SIGHUP' || signal === 'SIGUSR1') && this.#kept.includes(signal)
    if (!isRepeated) this.#kept.push(signal)
    news.notice(`${signal}: still starting, will be carried out then`)
  }

  carryOut(pool: Pool): void {
    for (const signal of this.#kept.splice(0)) void obey(pool, signal)
  }
}

/** Never rejects: what goes wrong is told. A pool that leaves changes in nothing any more. */
export async function obey(pool: Pool, signal: Order): Promise<void> {
  try {
    await orders[signal](pool)
  } catch (error) {
    if (isOver(error)) news.notice(`${signal}: ignored, the pool is leaving`)
    else news.problem(error as Error)
  }
}

function saysWhoGoesOn(error: unknown): boolean {
  return error instanceof ForkthreadError && /^FT_ERR_(CLOSED|RELOAD.*)$/.test(error.code)
}

function isOver(error: unknown): boolean {
  return error instanceof ForkthreadError && error.code === 'FT_ERR_CLOSED'
}

const orders: Readonly<Record<Order, (pool: Pool) => void | Promise<void>>> = {
  async SIGHUP(pool) {
    await pool.reload().catch((error: unknown) => {
      if (!saysWhoGoesOn(error))
        news.warning('SIGHUP: the reload failed, and the old generation goes on:')
      throw error
    })
  },
  SIGUSR1(pool) {
    news.notice('SIGUSR1: opening the access log anew')
    pool.reopenLogs()
  },
  async SIGUSR2(pool) {
    news.notice('SIGUSR2: starting a new parent')
    const pid = await pool.upgrade()
    news.notice(`the new parent ${pid} serves; finishing the requests in flight`)
  },
  SIGTTIN: (pool) => step(pool, 1),
  SIGTTOU: (pool) => step(pool, -1),
}

/** One process more, or less: moves both limits, so that the step is taken whatever the load. */
function step(pool: Pool, by: 1 | -1): void {
  const { min, max } = pool.sizes.processes
  const processes = { min: Math.max(min + by, 1), max: Math.max(max + by, 1) }
  pool.resize({ processes })
  news.notice(`processes are now ${processes.min}:${processes.max}`)
}
