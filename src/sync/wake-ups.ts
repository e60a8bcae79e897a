import { bit, lowestBit } from './bits.js'
import { ThreadWord, threadWord, Word } from './child-memory.js'
import { EventCount } from './event-count.js'
import type { FdQueue } from './fd-queue.js'
import { MAX_THREADS } from './limits.js'
import type { Standings } from './standings.js'

/**
 * The wake-ups of the worker threads of one child: who is woken to look at the queue, and who is on the way there.
 *
 * A wake-up is a count that grows. A thread that arms itself for the next one reads the count before it reads the queue: a
 * wake-up between the two makes the arming return at once.
 *
 * Beside the counts there is a woken bit for each thread: set before the count grows, cleared by the thread before it reads
 * the queue. So of an idle thread with that bit it is known that it has yet to look.
 */
export class WakeUps {
  readonly #words: Int32Array
  readonly #standings: Standings
  readonly #queue: FdQueue
  /** One per thread. */
  readonly #counts: readonly EventCount[]
  /** The bit of the thread that `wakeAhead` has woken; of the listener thread only. */
  #ahead = 0

  constructor(words: Int32Array, standings: Standings, queue: FdQueue) {
    this.#words = words
    this.#standings = standings
    this.#queue = queue
    this.#counts = Array.from(
      { length: MAX_THREADS },
      (_, thread) => new EventCount(words, threadWord(thread, ThreadWord.wake)),
    )
  }

  /**
   * Resolves when the thread shall look at the queue. The count is read at once, so that whatever is
   * queued after this call is not missed. The promise does not keep the thread alive; its lease does.
   */
  next(thread: number): Promise<unknown> {
    const wakes = this.#counts[thread]
    return wakes === undefined ? Promise.resolve() : wakes.waitAsync(wakes.read())
  }

  /** Ends a `next`, also when nothing is queued. */
  wake(thread: number): void {
    this.#counts[thread]?.advance()
  }

  /** A woken thread is about to look at the queue. */
  arrived(thread: number): void {
    Atomics.and(this.#words, Word.wokenBits, ~bit(thread))
  }

  /**
   * Wakes one idle thread, or every open one: of those it is not known which loop turns next.
   *
   * The lowest one, so that as few threads as the load needs stay warm; but not one that is on its way already, so that
   * two descriptors start two threads at once. Here nothing rests on these bits: if every idle thread is on its way, the
   * lowest is woken once more, so some idle thread always looks at the queue after the call.
   */
  wakeOne(): void {
    const idle = this.#standings.idleBits
    if (idle !== 0) {
      const asleep = idle & ~Atomics.load(this.#words, Word.wokenBits)
      this.#call(lowestBit(asleep !== 0 ? asleep : idle))
      return
    }
    let open = this.#standings.openBits
    while (open !== 0) {
      const thread = 31 - Math.clz32(open)
      this.wake(thread)
      open &= ~bit(thread)
    }
    // Busy threads look at the queue by themselves as soon as they become idle or open.
  }

  /**
   * A connection waits, and is about to be accepted and offered: an idle thread that sleeps is woken now, so that it is on its way
   * meanwhile. If nothing comes of it, or too late, the thread finds the queue empty and sleeps again.
   */
  wakeAhead(): void {
    const asleep = this.#standings.idleBits & ~Atomics.load(this.#words, Word.wokenBits)
    this.#ahead = asleep === 0 ? 0 : bit(lowestBit(asleep))
    if (asleep !== 0) this.#call(lowestBit(asleep))
  }

  /**
   * Whether the thread that was woken ahead will look at the queue as it is now; asked once for each `wakeAhead`. It clears its
   * woken bit and then reads the queue;
   * here the queue was written, and then the bit is read: one of the two sees the other's write. Should it have become busy, it
   * may have passed the baton before there was anything to pass: hence the look at its idle bit, and whoever clears that one
   * later reads the queue after it. A bit that another has set since is as good: a call follows it, or the recovery of the one that
   * died in between, which erases the bits and then reads the queue.
   */
  isAheadComing(): boolean {
    const idle = this.#standings.idleBits
    const coming = idle & Atomics.load(this.#words, Word.wokenBits) & this.#ahead
    this.#ahead = 0
    return coming !== 0
  }

  /**
   * Whether a thread was woken ahead (`wakeAhead`) and what it was woken for is still on its way. It had better turn its event loop once than sleep, to be
   * woken again at once. Its woken bit stays, so that nobody wakes it meanwhile; the look that clears it is yet to come.
   */
  isCalledEarly(thread: number): boolean {
    const called = Atomics.load(this.#words, Word.wokenBits) & this.#standings.idleBits
    return (called & bit(thread)) !== 0 && this.#queue.length === 0
  }

  /**
   * After a death. A thread that died in `#call` may have left a bit without a call, and the listener thread would rely on it. To erase a bit
   * whose call is on its way costs a needless wake-up at most.
   */
  forget(): void {
    Atomics.store(this.#words, Word.wokenBits, 0)
  }

  #call(thread: number): void {
    Atomics.or(this.#words, Word.wokenBits, bit(thread))
    this.wake(thread)
  }
}
