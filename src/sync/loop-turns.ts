import { ThreadWord, threadWord } from './child-memory.js'
import { agoOnShortClock, elapsedMs, shortClock } from './short-clock.js'

/**
 * The question of the child's main thread to a worker thread, whether its event loop still turns: one word for each
 * thread, the time of asking, or 0. The main thread alone turns 0 into a time; the asked thread, or the main thread after
 * that one's death, makes it 0 again. An answer that comes while the main thread looks is seen at its next look.
 */
export class LoopTurns {
  readonly #words: Int32Array

  constructor(words: Int32Array) {
    this.#words = words
  }

  /** For how many ms the question has been open; 0 if there is none. */
  openMs(thread: number): number {
    const askedAt = Atomics.load(this.#words, threadWord(thread, ThreadWord.askedAt))
    return askedAt === 0 ? 0 : elapsedMs(askedAt)
  }

  /** Whether the question was put now, and was not open already. The asked thread is to be woken then. */
  ask(thread: number): boolean {
    const index = threadWord(thread, ThreadWord.askedAt)
    if (Atomics.load(this.#words, index) !== 0) return false
    Atomics.store(this.#words, index, shortClock())
    return true
  }

  /** The question counts as put so much later, in ms, as if it had been put now at the latest. An answer that comes meanwhile stands. */
  postpone(thread: number, byMs: number): void {
    const index = threadWord(thread, ThreadWord.askedAt)
    const askedAt = Atomics.load(this.#words, index)
    if (askedAt === 0) return
    const openMs = elapsedMs(askedAt)
    Atomics.compareExchange(
      this.#words,
      index,
      askedAt,
      agoOnShortClock(Math.max(0, openMs - byMs)),
    )
  }

  /** For the thread that was asked: how many ms ago, -1 if it was not. */
  answer(thread: number): number {
    const askedAt = Atomics.exchange(this.#words, threadWord(thread, ThreadWord.askedAt), 0)
    return askedAt === 0 ? -1 : elapsedMs(askedAt)
  }

  /** After the thread has ended. */
  forget(thread: number): void {
    Atomics.store(this.#words, threadWord(thread, ThreadWord.askedAt), 0)
  }
}
