/** What the listener thread knows when it decides; a moment old, as everything in shared memory is. */
export interface Capacity {
  /** Local threads without a request in flight. */
  readonly idle: number
  /** Descriptors in the fd queue. */
  readonly queued: number
  /** Local threads whose requests wait for I/O. */
  readonly open: number
  /** How many descriptors may be queued for threads that are not idle, because their handlers are short. */
  readonly ahead: number
  /** Idle threads of the other children. */
  readonly idleElsewhere: number
}

/**
 * How many connections this child may accept now.
 *
 * As many as it has idle threads that nothing is queued for. Without any, a connection is better off in the
 * kernel's backlog, from where any child may take it, unless no thread in the whole pool is idle. Then one at a
 * time is queued for the threads that wait for I/O (they take at once), and a few for threads whose handlers
 * are short (see `aheadOf`). Threads that run long code get nothing.
 */
export function acceptable(capacity: Capacity): number {
  const free = capacity.idle - capacity.queued
  if (free > 0) return free
  return capacity.idleElsewhere === 0 ? queueable(capacity) : 0
}

/** Whether this child could take a connection, were it not for an idle thread in another one. */
export function shouldStepBack(capacity: Capacity): boolean {
  const isFull = capacity.idle - capacity.queued <= 0
  return isFull && capacity.idleElsewhere > 0 && queueable(capacity) > 0
}

function queueable({ queued, open, ahead }: Capacity): number {
  return Math.max(open > 0 ? 1 : 0, ahead) - queued
}

/** A queued descriptor may wait for this long behind others, about what it costs to wake a few threads. */
const MOST_WAIT_US = 1000
const MOST_AHEAD = 16

/**
 * How many descriptors to accept ahead for threads that are not idle, from the time that a request keeps the event loop of
 * the quickest thread busy (-1: not known yet). With some ahead, a thread that is done goes on with the next
 * connection without being woken, and the listener thread wakes once for several. They wait for a millisecond
 * at most by this measure; behind long handlers none is ever queued, because it would wait there while another
 * process may have become idle.
 */
export function aheadOf(activeUs: number): number {
  if (activeUs < 0 || activeUs >= MOST_WAIT_US) return 0
  return Math.min(Math.floor(MOST_WAIT_US / Math.max(activeUs, 1)), MOST_AHEAD)
}
