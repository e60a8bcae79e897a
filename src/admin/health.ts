import type { Stats } from '../shared/stats.js'
import { plural } from './in-words.js'

/** How the pool is, in one line. */
export interface Health {
  readonly level: 'good' | 'warn' | 'bad'
  readonly text: string
}

/** `notReady` and `remark` as in `AdminSource`. */
export function healthOf(
  { listeners, threads }: Stats,
  notReady: string | undefined,
  remark: string | undefined,
): Health {
  if (notReady !== undefined) return { level: 'bad', text: `Not ready: ${notReady}` }
  const waiting = listeners.reduce((sum, { backlog }) => sum + backlog.length, 0)
  const { idle, busy, starting, max } = threads
  const queue = waiting === 0 ? 'nothing waits' : `${plural(waiting, 'connection')} waiting`
  if (idle + busy === 0) {
    const coming = starting > 0 ? `${plural(starting, 'thread')} starting, ` : ''
    return { level: 'bad', text: `No thread serves: ${coming}${queue}` }
  }
  if (idle === 0) {
    const more = busy < max ? '' : ', and no more may start'
    const next = starting > 0 ? `, ${starting} starting` : more
    return { level: 'warn', text: `Full: all ${plural(busy, 'thread')} busy, ${queue}${next}` }
  }
  const text = `Serving: ${idle} of ${plural(idle + busy, 'thread')} idle, ${queue}`
  return remark === undefined
    ? { level: 'good', text }
    : { level: 'warn', text: `${text}. ${remark}` }
}
