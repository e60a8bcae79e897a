import { LockOwner } from '../sync/child-memory.js'
import type { HandOff } from '../sync/hand-off.js'
import { acceptConnection } from '../sys/socket.js'

/**
 * Accepts what waits in the backlogs until each was seen empty once, for a pool that stops: connections that the
 * kernel has accepted already would be reset when the last descriptor of the listener closes. All children do
 * this at the same time and without the mutex, which only saves needless wake-ups.
 */
export async function acceptRest(listeners: readonly number[], handOff: HandOff): Promise<void> {
  for (const listener of listeners) {
    for (let fd = acceptConnection(listener); fd >= 0; fd = acceptConnection(listener)) {
      await handOff.offerLater(LockOwner.control, fd)
    }
  }
}
