import { MAX_PROCESSES } from '../../sync/limits.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import { Ledger } from './ledger.js'

/** Which child has which slot of the scoreboard. One that leaves keeps its slot until it is gone. */
export class Slots<Child extends { readonly slot: number }> {
  readonly ledger: Ledger
  readonly #scoreboard: Scoreboard
  readonly #children = new Map<number, Child>()
  #all: readonly Child[] | undefined
  readonly #waiting: (() => void)[] = []

  constructor(scoreboard: Scoreboard) {
    this.#scoreboard = scoreboard
    this.ledger = new Ledger(scoreboard)
  }

  /** In the order of their slots. */
  get all(): readonly Child[] {
    this.#all ??= [...this.#children.values()].sort((a, b) => a.slot - b.slot)
    return this.#all
  }

  /** Slots that nobody has. */
  get room(): number {
    return MAX_PROCESSES - this.#children.size
  }

  get(slot: number): Child | undefined {
    return this.#children.get(slot)
  }

  /** Clears the first slot that nobody has, for a child that begins with so many threads; `take` follows. */
  prepare(threads: number): number {
    const slot = this.#first()
    // A child that scribbled over the header must not keep all later ones from starting.
    this.#scoreboard.format()
    this.#scoreboard.openProcess(slot, threads)
    return slot
  }

  take(child: Child): void {
    this.#children.set(child.slot, child)
    this.#all = undefined
  }

  /** The child is gone: its sums are kept, and its slot is free. */
  free({ slot }: Child, hasDied: boolean): void {
    this.ledger.close(slot, hasDied)
    this.#scoreboard.closeProcess(slot)
    this.#children.delete(slot)
    this.#all = undefined
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when the next slot becomes free; whoever else waits may be faster, so look at `room` again. */
  async nextFree(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #first(): number {
    for (let slot = 0; slot < MAX_PROCESSES; slot++) if (!this.#children.has(slot)) return slot
    throw new Error('unreachable: whoever starts a child looks for room first')
  }
}
