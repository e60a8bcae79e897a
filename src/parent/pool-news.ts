import type { EventEmitter } from 'node:events'
import { inspect } from 'node:util'
import type { Origin } from '../shared/logger.js'
import { writeStderr } from '../shared/standard-output.js'
import type { Decision } from '../shared/stats.js'
import type { PoolEvents } from './pool-events.js'
import type { PoolState } from './pool-state.js'
import type { Chronicle } from './records/chronicle.js'

/** What the pool tells of itself to those who follow its events: what it decides, and what goes wrong. All of it is in the chronicle, too. */
export class PoolNews {
  readonly #pool: EventEmitter<PoolEvents>
  readonly #state: PoolState
  readonly #chronicle: Chronicle
  #lastDecision: Decision = { at: Date.now(), action: 'none', reason: 'not started yet' }
  /** Errors of this turn of the event loop. */
  readonly #justReported = new Set<unknown>()
  readonly #noted = new Set<string>()

  constructor(pool: EventEmitter<PoolEvents>, state: PoolState, chronicle: Chronicle) {
    this.#pool = pool
    this.#state = state
    this.#chronicle = chronicle
  }

  get lastDecision(): Decision {
    return this.#lastDecision
  }

  /** What was noted so far. Nobody can listen before `createPool` has resolved, so it is to be told then. */
  get notes(): readonly string[] {
    return [...this.#noted]
  }

  decide(action: string, reason: string, origin: Origin = {}): void {
    this.#chronicle.decided(action, reason)
    this.#lastDecision = { at: Date.now(), action, reason }
    this.#pool.emit('decision', this.#lastDecision, origin)
  }

  /** What all threads tell is told once. */
  note(text: string): void {
    if (this.#noted.has(text)) return
    this.#noted.add(text)
    if (this.#state.now !== 'starting') this.decide('adopt', text)
  }

  report(error: Error, origin: Origin = {}): void {
    // Those who have joined one reload or upgrade fail together, of the same error. Later it is another failure, even if it is the
    // same object: a module that does not load throws that again and again.
    if (this.#justReported.has(error)) return
    this.#justReported.add(error)
    setImmediate(() => this.#justReported.delete(error))
    this.#chronicle.reported(error)
    if (this.#pool.listenerCount('error') > 0) this.#pool.emit('error', error, origin)
    else writeStderr(`${inspect(error)}\n`)
  }
}
