import { setTimeout as sleep } from 'node:timers/promises'
import { capacityOf } from '../sync/admission.js'
import type { HandOff } from '../sync/hand-off.js'
import type { LateRefusal } from '../sync/late-refusal.js'
import type { Scoreboard } from '../sync/scoreboard.js'

/** Without a listener thread the child's main thread refuses what has waited for too long while every thread is blocked. */
export class RefusalWatch {
  readonly #slot: number
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  readonly #refusal: Pick<LateRefusal, 'everyMs' | 'look'>

  constructor(
    slot: number,
    handOff: HandOff,
    scoreboard: Scoreboard,
    refusal: Pick<LateRefusal, 'everyMs' | 'look'>,
  ) {
    this.#slot = slot
    this.#handOff = handOff
    this.#scoreboard = scoreboard
    this.#refusal = refusal
  }

  /** Looks as long as the child accepts; never, if there is no limit. */
  async run(): Promise<void> {
    const { everyMs } = this.#refusal
    if (!Number.isFinite(everyMs)) return
    const { standings, listener } = this.#handOff
    while (!listener.isStopping) {
      await standings.nextPressure()
      await sleep(everyMs, undefined, { ref: false })
      if (listener.isStopping || standings.idleBits !== 0) continue
      this.#refusal.look(() => capacityOf(this.#handOff, this.#scoreboard, this.#slot))
    }
  }
}
