import type { Transfer } from './transfer.js'

/** How long one may wait on its way, at most; and the first, since those who take have to start a parker for it, on a busy machine, too. */
const PATIENCE_MS = 2000
const FIRST_MS = 5000

/** So much of its `drainTimeout` a process tries to give connections away, at most: what has been in vain until then must still end in peace. */
export const MOST_OF_DRAIN = 0.4

/**
 * Whether a connection on its way has waited for so long that its client would notice. Nobody watches it there, so that a few are taken now and then, by
 * a process that has just got room for them, is not enough: within the time all must have been taken that were there before.
 *
 * How many were taken nobody counts, since whoever takes may be of another pool, after an upgrade. It follows from how many were put in.
 */
export class TransitWatch {
  readonly #transfer: Transfer
  readonly #mostMs: number
  #sinceMs = 0
  #sent = 0
  #waiting = 0
  #isAnyTaken = false

  /** Nobody has more than `mostMs`. */
  constructor(transfer: Transfer, mostMs: number) {
    this.#transfer = transfer
    this.#mostMs = mostMs
  }

  /** To be asked again and again, from when the first is on its way on. */
  isStuck(nowMs: number): boolean {
    const { sent, waiting } = this.#transfer
    const taken = ((sent - this.#sent) | 0) + this.#waiting - waiting
    this.#isAnyTaken ||= this.#waiting > 0 && taken > 0
    if (waiting === 0 || this.#waiting === 0 || taken >= this.#waiting) {
      this.#sinceMs = nowMs
      this.#sent = sent
      this.#waiting = waiting
    }
    const patienceMs = this.#isAnyTaken ? PATIENCE_MS : FIRST_MS
    return nowMs - this.#sinceMs >= Math.min(patienceMs, this.#mostMs)
  }
}
