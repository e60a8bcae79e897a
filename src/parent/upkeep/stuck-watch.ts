import { fail } from '../../shared/errors.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import type { ForkedChild } from '../children/forked-child.js'

/** Connections that wait for so long although threads idle have been overlooked by somebody. */
const STUCK_MS = 1000
/** Whoever gives no sign of life for so long after being asked is taken for stopped. */
const SILENT_MS = 2000
/** With all threads busy connections may rightly wait, and a child that is short of CPU time may be slow to answer. */
const SILENT_WHEN_BUSY_MS = 10_000

/**
 * Looks for connections that have waited for a while. If threads idle, either a wake-up went astray with a child that is
 * stopped or swapped out, or such a child holds the accept mutex; if none idles, every child may be stopped. Each is
 * asked for a sign of life, and whoever gives none is killed: the kernel then frees the mutex.
 */
export class StuckWatch {
  readonly #scoreboard: Scoreboard
  readonly #passOn: () => void
  /** Since when connections have waited, and since when they have although threads idle. */
  #waitingSince: number | undefined
  #stuckSince: number | undefined

  /** `passOn` is called when threads idle and yet connections wait: whoever has been woken shall wake the next. */
  constructor(scoreboard: Scoreboard, passOn: () => void) {
    this.#scoreboard = scoreboard
    this.#passOn = passOn
  }

  /** `backlog`: connections that wait; `now` in ms. */
  look(children: readonly ForkedChild[], backlog: number, now: number): void {
    const ready = children.filter(({ state }) => state === 'ready')
    const isWaiting = backlog > 0
    const isAnyIdle = ready.some(({ slot }) => this.#scoreboard.field(slot, 'idleWord') !== 0)
    this.#waitingSince = isWaiting ? (this.#waitingSince ?? now) : undefined
    this.#stuckSince = isWaiting && isAnyIdle ? (this.#stuckSince ?? now) : undefined
    if (this.#waitingSince === undefined || now - this.#waitingSince < STUCK_MS) return
    const isStuck = this.#stuckSince !== undefined && now - this.#stuckSince >= STUCK_MS
    if (isStuck) this.#passOn()
    for (const child of ready) {
      child.ask()
      if (child.silentMs < (isStuck ? SILENT_MS : SILENT_WHEN_BUSY_MS)) continue
      child.kill(fail('FT_ERR_CHILD_STUCK', [child.pid]))
    }
  }
}
