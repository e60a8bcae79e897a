import type { Range } from '../shared/messages.js'

/** What a child knows when it decides how many threads it should have. */
export interface ThreadSituation {
  readonly limits: Range
  readonly spares: Range
  /** Threads of this child that have loaded the handler and are not leaving. */
  readonly running: number
  /** Threads of this child that still load it. */
  readonly starting: number
  /** Idle threads of this child. */
  readonly idleHere: number
  /** Idle threads of the whole pool; those that start count as idle, so that a slow start causes no second one. */
  readonly idleInPool: number
  /** For how long `idleInPool` has been above `spares.max`; 0 if it is not. */
  readonly surplusMs: number
  /** Whether it is for this child to shrink: the children see the same surplus, and only one shall act on it. */
  readonly isFirst: boolean
  /** How many threads the last round started, 0 if the last look found enough. */
  readonly lastRound: number
}

export interface ThreadDecision {
  /** Threads to start (above 0) or to retire (below). */
  readonly change: number
  readonly reason: string
}

/** A surplus must last this long before a thread is retired; the next one needs a surplus as long again. */
export const SURPLUS_PATIENCE_MS = 10_000

/**
 * How many threads to start or retire now; `undefined` to leave it as it is. Growth doubles from round to round, as in
 * Apache's prefork (`idle_spawn_rate`), but never past the limits nor past `spares.max`; shrinking takes one at a time.
 */
export function decideThreads(situation: ThreadSituation): ThreadDecision | undefined {
  const { limits, spares, running, starting, idleHere, idleInPool } = situation
  const present = running + starting
  if (present < limits.min)
    return {
      change: limits.min - present,
      reason: `${present} threads < threads.min ${limits.min}`,
    }
  // Not yet if some of them still start: they may never serve.
  if (running > limits.max)
    return { change: -1, reason: `${running} threads > threads.max ${limits.max}` }
  if (idleInPool < spares.min && present < limits.max) {
    const round = Math.max(situation.lastRound * 2, 1)
    const change = Math.min(round, limits.max - present, Math.max(spares.max - idleInPool, 1))
    return { change, reason: `${idleInPool} idle < spares.min ${spares.min}` }
  }
  const isLasting = situation.surplusMs >= SURPLUS_PATIENCE_MS
  // One that would be missed at once is no surplus.
  const isSpare = idleInPool > spares.max && idleInPool - 1 >= spares.min && idleHere > 0
  if (isLasting && isSpare && situation.isFirst && running > limits.min)
    return { change: -1, reason: `${idleInPool} idle > spares.max ${spares.max}` }
  return undefined
}
