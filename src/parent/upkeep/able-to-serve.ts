import type { ForkedChild } from '../children/forked-child.js'

/**
 * For the watchdog of systemd, whose remedy is to restart the service: so it is asked for what the pool can't mend by itself.
 * One process that is ready and has answered within the interval is enough, since the others are replaced meanwhile; an
 * old generation counts, whose replacement fails. With none, nobody accepts: all of them are stopped or swapped out, or each dies
 * before it is ready. Threads that are busy or blocked are no reason (`blockedTimeout` deals with those). And if the
 * parent itself hangs, nobody gets as far as asking.
 */
export function isAbleToServe(children: readonly ForkedChild[], intervalMs: number): boolean {
  const ready = children.filter(({ state }) => state === 'ready')
  const isAble = ready.some(({ silentMs }) => silentMs < intervalMs)
  for (const child of ready) child.ask()
  return isAble
}
