import type { EventEmitter } from 'node:events'
import type { AdminSource, Decision, Order, ReloadProgress } from '../shared/stats.js'
import type { PoolEvents } from './pool-events.js'

/** As much of a pool as orders need. */
interface Obedient extends EventEmitter<PoolEvents> {
  reload(): Promise<void>
  upgrade(): Promise<number>
  close(): Promise<void>
}

/**
 * What the admin address may order. Who has given an order is told of all that the pool does meanwhile, and why it fails; that
 * is also reported, since the log is here.
 */
export function ordersFor(pool: Obedient, report: (error: Error) => void): AdminSource['orders'] {
  const order = (carryOut: () => Promise<unknown>): Order => {
    return async (tell) => {
      const onDecision = ({ action, reason }: Decision): void => tell(`${action}: ${reason}`)
      const onReload = ({ phase, step, replaced, remaining }: ReloadProgress): void => {
        // Why it has failed comes as the order's error.
        if (phase !== 'failed') tell(`${step} (${replaced} replaced, ${remaining} to go)`)
      }
      pool.on('decision', onDecision).on('reload', onReload)
      try {
        await carryOut()
      } catch (error) {
        report(error as Error)
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
  }
}
