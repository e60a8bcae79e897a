import { fail } from '../shared/errors.js'

/**
 * The states of a pool and the moves between them: one way, never back. A pool that is draining says so to those who ask for its
 * health, and serves as before, for `preStopDelay`; a closing one accepts no more.
 *
 *     starting → serving → draining → closing → closed
 *        │          └────────────────────^
 *        └───────────────────────────────^
 */
export type State = 'starting' | 'serving' | 'draining' | 'closing' | 'closed'
const moves: Readonly<Record<State, readonly State[]>> = {
  starting: ['serving', 'closing'],
  serving: ['draining', 'closing'],
  draining: ['closing'],
  closing: ['closed'],
  closed: [],
}

export class PoolState {
  #now: State = 'starting'

  get now(): State {
    return this.#now
  }

  /** `call`: what somebody asks of the pool that only one that serves can do. @throws FT_ERR_CLOSED */
  requireServing(call: string): void {
    if (this.#now !== 'serving') throw fail('FT_ERR_CLOSED', [call])
  }

  move(next: State): void {
    if (!moves[this.#now].includes(next))
      throw new Error(`unreachable: a pool can't go from ${this.#now} to ${next}`)
    this.#now = next
  }
}
