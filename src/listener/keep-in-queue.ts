import { LockOwner } from '../sync/child-memory.js'
import type { HandOff } from '../sync/hand-off.js'

/** How long to leave a full queue to the threads before trying again. */
const FULL_MS = 2

/**
 * Waits as long as the queue is full, which is for this thread alone to do. Full are the mailbox and the queue only if hundreds wait already; the
 * threads make room, also those of a child that stops.
 */
export function keepInQueue(handOff: HandOff): (entry: number) => void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  return (entry) => {
    while (handOff.offer(LockOwner.listener, [entry]) === 0) Atomics.wait(pause, 0, 0, FULL_MS)
  }
}
