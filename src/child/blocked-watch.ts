import { fail } from '../shared/errors.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { Crew } from './crew.js'
import { killThread } from './kill-thread.js'
import type { WorkerThread } from './worker-thread.js'

/** How often to look at the most. A short `blockedTimeout` needs it more often. */
const LOOK_EVERY_MS = 1000

/**
 * Finds threads whose event loop has not turned for `blockedTimeout`, and ends them. A thread that has something in
 * flight is asked to say when its loop turns next; idle threads are left alone. A long request that waits for
 * I/O answers at once.
 *
 * Time in which this process did not run (it was stopped or frozen, or others had the cores) counts for no thread: then this one, too, comes
 * late to its look.
 */
export class BlockedWatch {
  readonly #slot: number
  readonly #blockedTimeout: number
  readonly #crew: Crew
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  /** How often `look` is to be called, in ms. */
  readonly everyMs: number
  readonly #condemned = new WeakSet<WorkerThread>()
  #lookedAt = performance.now()

  constructor(
    slot: number,
    blockedTimeout: number,
    crew: Crew,
    handOff: HandOff,
    scoreboard: Scoreboard,
  ) {
    this.#slot = slot
    this.#blockedTimeout = blockedTimeout
    this.#crew = crew
    this.#handOff = handOff
    this.#scoreboard = scoreboard
    this.everyMs =
      blockedTimeout === 0 ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, Math.ceil(blockedTimeout / 2))
  }

  look(): void {
    const lateMs = this.#lateMs()
    for (const thread of this.#crew.threads) {
      // One on its leave no longer answers, and has drainTimeout; one that starts has startTimeout.
      if (thread.state !== 'ready' || thread.isResting || this.#condemned.has(thread)) continue
      if (lateMs > 0) this.#handOff.turns.postpone(thread.id, lateMs)
      const silentMs = this.#ask(thread.id)
      if (this.#blockedTimeout === 0 || silentMs < this.#blockedTimeout) continue
      this.#condemned.add(thread)
      this.#end(thread, silentMs)
    }
  }

  /** By how much this look is late; 0 if by no more than timers are. */
  #lateMs(): number {
    const now = performance.now()
    const lateMs = Math.floor(now - this.#lookedAt - this.everyMs)
    this.#lookedAt = now
    return lateMs > this.everyMs ? lateMs : 0
  }

  /** For how many ms the thread has not answered; puts the question if it is not open. */
  #ask(thread: number): number {
    const handOff = this.#handOff
    const silentMs = handOff.turns.openMs(thread)
    if (silentMs > 0) return silentMs
    // An idle thread whose loop is stuck outside a request shows by what it leaves in the queue.
    if (handOff.standings.isIdle(thread) && handOff.queue.length === 0) return 0
    if (handOff.turns.ask(thread)) handOff.wakeUps.wake(thread)
    return 0
  }

  #end(thread: WorkerThread, silentMs: number): void {
    const request = this.#scoreboard.rows.readRequest(this.#slot, thread.id)
    void killThread(thread, fail('FT_ERR_THREAD_BLOCKED', [Math.round(silentMs), request]))
  }
}
