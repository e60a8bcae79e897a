interface Waiting<Changes> {
  changes: Changes
  readonly done: Promise<void>
}

/**
 * One reload at a time. The next waits for the end of the one that runs, since that may have read old code already; whoever
 * comes while one waits joins it, for it will read everything later than now.
 */
export class ReloadQueue<Changes extends object> {
  readonly #run: (changes: Changes) => Promise<void>
  #running: Promise<void> = Promise.resolve()
  #waiting: Waiting<Changes> | undefined

  constructor(run: (changes: Changes) => Promise<void>) {
    this.#run = run
  }

  /** Resolves or rejects as the reload does that takes up `changes`. Of two changes of the same option the later wins. */
  async add(changes: Changes): Promise<void> {
    if (this.#waiting !== undefined) {
      this.#waiting.changes = { ...this.#waiting.changes, ...changes }
      return await this.#waiting.done
    }
    const waiting: Waiting<Changes> = { changes, done: this.#running.then(() => this.#next()) }
    this.#waiting = waiting
    await waiting.done
  }

  /** Runs something else when no reload runs, and no reload meanwhile. */
  async exclusively<T>(act: () => Promise<T>): Promise<T> {
    const run = this.#running.then(act)
    this.#running = run.then(
      () => undefined,
      () => undefined,
    )
    return await run
  }

  async #next(): Promise<void> {
    const changes = this.#waiting?.changes as Changes
    this.#waiting = undefined
    await this.exclusively(() => this.#run(changes))
  }
}
