import type { Scoreboard, Totals } from '../../sync/scoreboard.js'

/** What all children did, those included that are gone and whose places in the scoreboard others have. */
export class Ledger {
  readonly #scoreboard: Scoreboard
  readonly #past: Totals = { accepted: 0, requests: 0, errors: 0 }
  #deaths = 0
  #threadDeaths = 0
  #proxyErrors = 0
  #refused = 0

  constructor(scoreboard: Scoreboard) {
    this.#scoreboard = scoreboard
  }

  /** The child in this slot is gone; to be called before the slot is cleared. */
  close(slot: number, hasDied: boolean): void {
    add(this.#past, this.#scoreboard.totals(slot))
    this.#threadDeaths += this.#scoreboard.field(slot, 'threadDeaths')
    this.#proxyErrors += this.#scoreboard.field(slot, 'proxyErrors')
    this.#refused += this.#scoreboard.field(slot, 'refused')
    if (hasDied) this.#deaths++
  }

  get deaths(): number {
    return this.#deaths
  }

  /** With those of the children in `slots`. */
  threadDeaths(slots: Iterable<number>): number {
    let deaths = this.#threadDeaths
    for (const slot of slots) deaths += this.#scoreboard.field(slot, 'threadDeaths')
    return deaths
  }

  /** PROXY headers that were wrong or did not come; with those of the children in `slots`. */
  proxyErrors(slots: Iterable<number>): number {
    let errors = this.#proxyErrors
    for (const slot of slots) errors += this.#scoreboard.field(slot, 'proxyErrors')
    return errors
  }

  /** Turned away with 503 before a handler ran; with those of the children in `slots`. */
  refused(slots: Iterable<number>): number {
    let refused = this.#refused
    for (const slot of slots) refused += this.#scoreboard.field(slot, 'refused')
    return refused
  }

  /** With what the children in `slots` did so far. */
  totals(slots: Iterable<number>): Readonly<Totals> {
    const sum = { ...this.#past }
    for (const slot of slots) add(sum, this.#scoreboard.totals(slot))
    return sum
  }
}

function add(sum: Totals, more: Readonly<Totals>): void {
  sum.accepted += plausible(more.accepted)
  sum.requests += plausible(more.requests)
  sum.errors += plausible(more.errors)
}

/** A child may have written anything; NaN would stay in the sums for ever. */
function plausible(figure: number): number {
  return Number.isSafeInteger(figure) && figure > 0 ? figure : 0
}
