import { decideGiveBack } from '../../shared/decide-give-back.js'
import type { Range } from '../../shared/terms.js'

/** A child as the decision sees it. */
export interface ProcessSituation {
  readonly slot: number
  /** Threads, idle or not. */
  readonly threads: number
  readonly inFlight: number
  readonly connections: number
  readonly ageMs: number
}

/** What the parent knows when it decides how many children there should be. */
export interface PoolSituation {
  readonly limits: Range
  readonly spares: Range
  /** Children that serve. */
  readonly serving: readonly ProcessSituation[]
  /** Children that start. */
  readonly starting: number
  /** Idle threads of the whole pool, those that start included. */
  readonly idle: number
  /** Threads that the serving children may still add by themselves. */
  readonly growable: number
  /** Whether connections waited in a backlog at this look and the one before, and no thread was idle. */
  readonly isBacklogged: boolean
  /** For how long `idle` has been above `spares.max`; 0 if it is not. */
  readonly surplusMs: number
  /** What `surplusMs` was when children were last retired for it; 0 if none were. */
  readonly givenBackMs: number
  /** How many children the last round started, 0 if the last look found enough. */
  readonly lastRound: number
}

export type ProcessDecision =
  | { readonly action: 'start'; readonly count: number; readonly reason: string }
  | { readonly action: 'retire'; readonly slots: readonly number[]; readonly reason: string }

/**
 * A surplus must last this long before a child is retired. Longer than for a thread: a process costs more to start again, and by then
 * the children have tried what they can do with their threads. Then 2, 4 … go, if it lasts on.
 */
export const SURPLUS_PATIENCE_MS = 30_000
const PATIENCE = { firstMs: SURPLUS_PATIENCE_MS, nextMs: 10_000 }

/**
 * How many children to start, or which to retire; `undefined` to leave it as it is. Threads are cheaper than processes,
 * so children fill up first. Growth doubles from round to round, as in Apache's prefork (`idle_spawn_rate`); so does
 * shrinking, as long as the surplus lasts.
 */
export function decideProcesses(situation: PoolSituation): ProcessDecision | undefined {
  const { limits, spares, serving, starting, idle } = situation
  const present = serving.length + starting
  if (present < limits.min) {
    const reason = `${present} processes < processes.min ${limits.min}`
    return { action: 'start', count: limits.min - present, reason }
  }
  // Not yet if some of them still start: they may never serve.
  if (serving.length > limits.max) {
    const reason = `${serving.length} processes > processes.max ${limits.max}`
    return { action: 'retire', slots: [leastWorth(serving).slot], reason }
  }
  const isShort = idle < spares.min || (situation.isBacklogged && starting === 0)
  if (isShort && present < limits.max && situation.growable === 0) {
    const count = Math.min(Math.max(situation.lastRound * 2, 1), limits.max - present)
    const reason =
      idle < spares.min
        ? `${idle} idle < spares.min ${spares.min}, and all processes have threads.max`
        : 'connections wait in the backlog, and no thread is idle'
    return { action: 'start', count, reason }
  }
  const slots = surplusOf(situation, decideGiveBack(situation, PATIENCE))
  if (slots.length === 0) return undefined
  return { action: 'retire', slots, reason: `${idle} idle > spares.max ${spares.max}` }
}

/** Which children can be done without, `most` at most. */
function surplusOf({ limits, spares, serving, idle }: PoolSituation, most: number): number[] {
  const slots: number[] = []
  let rest = serving
  let idleThen = idle
  while (slots.length < most && rest.length > Math.max(limits.min, 1) && idleThen > spares.max) {
    const victim = leastWorth(rest)
    // The others get what keeps its busy threads busy, too.
    idleThen -= victim.threads
    if (idleThen < spares.min) break
    slots.push(victim.slot)
    rest = rest.filter((child) => child !== victim)
  }
  return slots
}

/** The child with the least in flight, then the fewest connections, then the youngest: its caches are the coldest. */
function leastWorth(serving: readonly ProcessSituation[]): ProcessSituation {
  return serving.reduce((least, child) => {
    const difference =
      child.inFlight - least.inFlight ||
      child.connections - least.connections ||
      child.ageMs - least.ageMs
    return difference < 0 ? child : least
  })
}
