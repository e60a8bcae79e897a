/** As it is now: user code (fake timers) may put its own in its place. */
const atEnd = setImmediate

/** Does something before the event loop may sleep, once for each turn of it, however often it is asked. */
export class TurnEnd {
  readonly #act: () => void
  #isDue = false

  constructor(act: () => void) {
    this.#act = act
  }

  get isDue(): boolean {
    return this.#isDue
  }

  ask(): void {
    if (this.#isDue) return
    this.#isDue = true
    atEnd(this.#end)
  }

  /** If it is due: the loop calls for something new, in the same turn perhaps. */
  now(): void {
    if (this.#isDue) this.#act()
  }

  readonly #end = (): void => {
    this.#isDue = false
    this.#act()
  }
}
