import { setTimeout as sleep } from 'node:timers/promises'
import { LockOwner } from '../sync/child-memory.js'
import type { HandOff } from '../sync/hand-off.js'
import { acceptConnection } from '../sys/socket.js'

/** How long to leave a full queue to the threads before looking again. */
const FULL_MS = 2

/**
 * Accepts what waits in the backlogs until each was seen empty once, for a pool that stops: connections that the
 * kernel has accepted already would be reset when the last descriptor of the listener closes. All children do
 * this at the same time and without the mutex, which only saves needless wake-ups.
 */
export async function acceptRest(listeners: readonly number[], handOff: HandOff): Promise<void> {
  for (const listener of listeners) {
    for (let fd = acceptConnection(listener); fd >= 0; fd = acceptConnection(listener)) {
      while (handOff.offer(LockOwner.control, [fd]) === 0) {
        await sleep(FULL_MS)
      }
    }
  }
}
