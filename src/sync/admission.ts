import type { HandOff } from './hand-off.js'
import type { Scoreboard } from './scoreboard.js'

/** What is known of a child and its threads when something is decided; a moment old, as everything in shared memory is. */
export interface Capacity {
  /** Local threads without a request in flight. */
  readonly idle: number
  /** Descriptors in the fd queue. */
  readonly queued: number
  /** Local threads whose requests wait for I/O. */
  readonly open: number
  /** Idle threads of the other children. */
  readonly idleElsewhere: number
}

/** Of the child in this slot. */
export function capacityOf(handOff: HandOff, scoreboard: Scoreboard, slot: number): Capacity {
  // The queue first: a thread clears its idle bit before it takes, so what is no longer counted as queued
  // is no longer counted as idle either. The other way round, one thread could be counted on twice.
  const queued = handOff.queue.length
  const idle = handOff.standings.idleCount
  // What the other children do matters only when nobody is idle here, and costs a look at each.
  if (idle > queued) return { idle, queued, open: 0, idleElsewhere: 0 }
  const idleElsewhere = scoreboard.idleElsewhere(slot)
  return { idle, queued, open: handOff.standings.openCount, idleElsewhere }
}

/**
 * How many connections this child may accept now.
 *
 * As many as it has idle threads that nothing is queued for. Without any, a connection is better off in the
 * kernel's backlog, from where any child may take it, unless no thread in the whole pool is idle: then one at a
 * time is queued for the threads that wait for I/O, which take at once. Threads that run code get nothing; they
 * serve themselves when they are done (see `HandOff`).
 */
export function acceptable(capacity: Capacity): number {
  const free = capacity.idle - capacity.queued
  if (free > 0) return free
  return mayQueueOne(capacity) && capacity.idleElsewhere === 0 ? 1 : 0
}

/** Whether this child could take a connection, were it not for an idle thread in another one. */
export function shouldStepBack(capacity: Capacity): boolean {
  const isFull = capacity.idle - capacity.queued <= 0
  return isFull && mayQueueOne(capacity) && capacity.idleElsewhere > 0
}

function mayQueueOne({ queued, open }: Capacity): boolean {
  return queued === 0 && open > 0
}
