import { SurplusClock } from '../../shared/surplus-clock.js'
import { count } from '../../sync/bits.js'
import { MAX_THREADS } from '../../sync/limits.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import type { ForkedChild } from '../children/forked-child.js'
import type { Sizes } from '../children/sizes.js'
import { decideProcesses, type ProcessDecision, type ProcessSituation } from './decide-processes.js'

export interface Load {
  readonly sizes: Sizes
  /** Children that serve, without those whose successors count in their place. */
  readonly serving: readonly ForkedChild[]
  readonly starting: number
  /** Connections that wait. */
  readonly backlog: number
}

/**
 * Looks at the load of the pool, and says how many children to start or which to retire. It remembers what no single look
 * can see: for how long there has been a surplus, whether connections waited before, how many were started last.
 */
export class LoadWatch {
  readonly #scoreboard: Scoreboard
  readonly #surplus = new SurplusClock()
  #lastRound = 0
  #backloggedLooks = 0

  constructor(scoreboard: Scoreboard) {
    this.#scoreboard = scoreboard
  }

  /** `now` in ms. */
  look({ sizes, serving, starting, backlog }: Load, now: number): ProcessDecision | undefined {
    const { processes: limits, threads, spares } = sizes
    const situations = serving.map((child) => this.#situationOf(child))
    // What starts counts as idle: threads of serving children, and those that a starting child will have.
    let idle = starting * threads.min
    let growable = 0
    for (const child of situations) {
      idle += count(this.#scoreboard.field(child.slot, 'idleWord'))
      idle += this.#scoreboard.rows.starting(child.slot)
      growable += Math.max(0, threads.max - child.threads)
    }
    const isWaiting = idle === 0 && backlog > 0
    this.#backloggedLooks = isWaiting ? this.#backloggedLooks + 1 : 0
    const decision = decideProcesses({
      limits,
      spares,
      serving: situations,
      starting,
      idle,
      growable,
      isBacklogged: this.#backloggedLooks > 1,
      surplusMs: this.#surplus.look(idle > spares.max, now),
      givenBackMs: this.#surplus.givenBackMs,
      lastRound: this.#lastRound,
    })
    this.#lastRound = 0
    return decision
  }

  /** So many of the children have been started that the last look asked for. */
  started(children: number): void {
    this.#lastRound = children
  }

  /** The children are retired that the last look named. */
  gaveBack(): void {
    this.#surplus.gaveBack()
  }

  /** A child has changed its own size. */
  sizeChanged(): void {
    this.#surplus.restart()
  }

  #situationOf({ slot, livedMs: ageMs }: ForkedChild): ProcessSituation {
    let inFlight = 0
    let connections = this.#scoreboard.field(slot, 'parked')
    for (let thread = 0; thread < MAX_THREADS; thread++) {
      const row = this.#scoreboard.rows.read(slot, thread)
      inFlight += row.inFlight
      connections += row.connections
    }
    return { slot, threads: this.#scoreboard.rows.count(slot), inFlight, connections, ageMs }
  }
}
