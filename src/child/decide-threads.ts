import { decideGiveBack } from '../shared/decide-give-back.js'
import type { Range } from '../shared/terms.js'

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
  /** What `surplusMs` was when this child last retired some of it; 0 if it has not. */
  readonly givenBackMs: number
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

/** A surplus must last this long before a thread is retired, and as long again for each further step: 2, 4 … */
export const SURPLUS_PATIENCE_MS = 10_000
const PATIENCE = { firstMs: SURPLUS_PATIENCE_MS, nextMs: SURPLUS_PATIENCE_MS }

/**
 * How many threads to start or retire now; `undefined` to leave it as it is. Growth doubles from round to round, as in
 * Apache's prefork (`idle_spawn_rate`), but never past the limits nor past `spares.max`; so does
 * shrinking, as long as the surplus lasts.
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
  if (!situation.isFirst) return undefined
  // None that would be missed at once: down to `spares.max` at most.
  const surplus = Math.min(idleInPool - spares.max, idleHere, running - limits.min)
  const leaving = Math.min(decideGiveBack(situation, PATIENCE), surplus)
  if (leaving <= 0) return undefined
  return { change: -leaving, reason: `${idleInPool} idle > spares.max ${spares.max}` }
}
