import type { AdminSource } from '../../shared/stats.js'
import type { PoolParts } from '../assemble-pool.js'
import { type Obedient, ordersFor } from './orders.js'

/** What the admin address, and the one for those who only read, may ask of the pool, and what may be ordered there. */
export function adminSource(
  pool: Obedient & Pick<AdminSource, 'stats'>,
  { children, code, news, readiness, records, reloads }: PoolParts,
): AdminSource {
  return {
    stats: () => pool.stats(),
    notReady: () => readiness.notReady,
    ...records.sources,
    remark: () => code.mixed(children.generation),
    ranges: () => pool.sizes,
    slow: () => records.slow.report(reloads.settings.slowThreshold),
    capture: async ({ process: slot, thread, kind, seconds }) => {
      const child = children.all.find((one) => one.slot === slot)
      if (child === undefined) throw new Error(`there is no process ${slot}`)
      return await child.capture(thread, kind, seconds)
    },
    orders: ordersFor(pool, (error) => news.report(error)),
  }
}
