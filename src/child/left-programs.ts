import { reap } from '../sys/wait.js'

/**
 * Programs that threads have started. In a living thread Node waits for each of its own by its pid; of a thread that is gone nobody
 * does, and they would stay defunct for as long as this process lives.
 */
export class LeftPrograms {
  readonly #running = new Map<object, Set<number>>()
  readonly #left = new Set<number>()

  /** A thread has started a program. */
  started(thread: object, pid: number): void {
    // A number comes again only when nobody waits for it any more.
    this.#left.delete(pid)
    const programs = this.#running.get(thread)
    if (programs === undefined) this.#running.set(thread, new Set([pid]))
    else programs.add(pid)
  }

  /** The thread has seen its end. */
  ended(thread: object, pid: number): void {
    this.#running.get(thread)?.delete(pid)
  }

  /** All that it had to say has come. */
  threadOver(thread: object): void {
    for (const pid of this.#running.get(thread) ?? []) this.#left.add(pid)
    this.#running.delete(thread)
    this.look()
  }

  look(): void {
    for (const pid of this.#left) if (reap(pid)) this.#left.delete(pid)
  }
}
