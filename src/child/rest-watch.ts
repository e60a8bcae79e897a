import type { HandOff } from '../sync/hand-off.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { giveBackMemory } from '../sys/give-back-memory.js'
import type { Crew } from './crew.js'
import { looksToWait, shouldRest } from './decide-rest.js'
import type { WorkerThread } from './worker-thread.js'

interface Seen {
  sequence: number
  quietLooks: number
  restedAt: number | undefined
  lastRest: { readonly afterLooks: number; looksAgo: number } | undefined
}

/**
 * Has idle threads give back memory, one at a time in this child, and this main thread when all have. A thread does so only while another one of the
 * pool is idle: see `Activity.rest`.
 */
export class RestWatch {
  readonly #slot: number
  readonly #crew: Crew
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  readonly #seen = new WeakMap<WorkerThread, Seen>()
  #isResting = false
  #hasRested = false

  constructor(slot: number, crew: Crew, handOff: HandOff, scoreboard: Scoreboard) {
    this.#slot = slot
    this.#crew = crew
    this.#handOff = handOff
    this.#scoreboard = scoreboard
  }

  /** Called once a second. */
  look(): void {
    if (this.#isResting) return
    const isOneSpare =
      this.#handOff.standings.idleCount + this.#scoreboard.idleElsewhere(this.#slot) > 1
    let isAnyNew = false
    for (const thread of this.#crew.threads) {
      if (thread.state !== 'ready') {
        isAnyNew = true
        continue
      }
      const seen = this.#lookAt(thread)
      const { connections, requests } = this.#scoreboard.rows.read(this.#slot, thread.id)
      const isIdle = this.#handOff.standings.isIdle(thread.id)
      if (shouldRest({ ...seen, isIdle, connections, requests })) {
        // To ask the only idle thread would wake it for nothing, again and again.
        if (!isOneSpare) continue
        void this.#rest(thread, seen, requests)
        return
      }
      isAnyNew ||= seen.restedAt === undefined
    }
    if (isAnyNew || this.#hasRested) return
    this.#hasRested = true
    void giveBackMemory()
  }

  #lookAt(thread: WorkerThread): Seen {
    const sequence = this.#scoreboard.rows.sequence(this.#slot, thread.id)
    const seen = this.#seen.get(thread)
    if (seen === undefined) {
      const first = { sequence, quietLooks: 0, restedAt: undefined, lastRest: undefined }
      this.#seen.set(thread, first)
      return first
    }
    seen.quietLooks = seen.sequence === sequence ? seen.quietLooks + 1 : 0
    seen.sequence = sequence
    if (seen.lastRest !== undefined) seen.lastRest.looksAgo++
    return seen
  }

  async #rest(thread: WorkerThread, seen: Seen, requests: number): Promise<void> {
    this.#isResting = true
    const isAfterLoad = seen.restedAt !== undefined
    if (await thread.rest()) {
      if (isAfterLoad) seen.lastRest = { afterLooks: looksToWait(seen.lastRest), looksAgo: 0 }
      seen.restedAt = requests
    }
    seen.quietLooks = 0
    this.#isResting = false
  }
}
