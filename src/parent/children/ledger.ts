import type { Scoreboard, Totals } from '../../sync/scoreboard.js'

/** What children count beside their totals, see the layout of the scoreboard. */
const counted = ['threadDeaths', 'proxyErrors', 'refused', 'moved', 'unmoved'] as const
type Counted = (typeof counted)[number]

/** What all children did, those included that are gone and whose places in the scoreboard others have. */
export class Ledger {
  readonly #scoreboard: Scoreboard
  readonly #past: Totals = { accepted: 0, requests: 0, errors: 0, bytes: 0 }
  #deaths = 0
  readonly #pastCounts: Record<Counted, number> = {
    ...{ threadDeaths: 0, proxyErrors: 0, refused: 0, moved: 0, unmoved: 0 },
  }

  constructor(scoreboard: Scoreboard) {
    this.#scoreboard = scoreboard
  }

  /** The child in this slot is gone; to be called before the slot is cleared. */
  close(slot: number, hasDied: boolean): void {
    add(this.#past, this.#scoreboard.totals(slot))
    for (const what of counted) this.#pastCounts[what] += this.#scoreboard.field(slot, what)
    if (hasDied) this.#deaths++
  }

  get deaths(): number {
    return this.#deaths
  }

  /** With those of the children in `slots`. */
  count(what: Counted, slots: Iterable<number>): number {
    let count = this.#pastCounts[what]
    for (const slot of slots) count += this.#scoreboard.field(slot, what)
    return count
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
  sum.bytes += plausible(more.bytes)
}

/** A child may have written anything; NaN would stay in the sums for ever. */
function plausible(figure: number): number {
  return Number.isSafeInteger(figure) && figure > 0 ? figure : 0
}
