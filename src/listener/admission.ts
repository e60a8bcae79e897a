/** What the listener thread knows when it decides; a moment old, as everything in shared memory is. */
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
