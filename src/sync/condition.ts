import { EventCount } from './event-count.js'
import type { Mutex } from './mutex.js'

/**
 * A condition variable on a `Mutex`, in one word of its own. It stands for a condition over what the mutex
 * guards, which the waiter checks itself, always in a loop:
 *
 *     mutex.lock(self)
 *     while (!isTrue()) condition.wait(self)
 *
 * because a wait may end although the condition is false: another thread was faster, several were woken for one
 * change, or somebody died. (Apache had an `if` there once, in `mpm_fdqueue.c`, and its ring overflowed.)
 *
 * Why no wake-up is lost: the count is read while the mutex is held, and only then is the mutex released. Who makes
 * the condition true does so under the mutex, hence after that reading, and notifies behind it: see
 * `EventCount`. Whether it notifies before or after its `unlock` does not matter.
 */
export class Condition {
  readonly #mutex: Mutex
  readonly #changes: EventCount

  constructor(words: Int32Array, index: number, mutex: Mutex) {
    this.#mutex = mutex
    this.#changes = new EventCount(words, index)
  }

  /**
   * Releases the mutex, sleeps until notified or until `timeoutMs` is over, and takes the mutex again, however long
   * that takes. Returns false when the time was over; the condition may be true even so.
   * @throws FT_ERR_LOCK_NOT_HELD when this thread does not hold the mutex
   */
  wait(self: number, timeoutMs = Number.POSITIVE_INFINITY): boolean {
    const seen = this.#changes.read()
    this.#mutex.unlock(self)
    const isNotified = this.#changes.wait(seen, timeoutMs)
    this.#mutex.lock(self)
    return isNotified
  }

  /** Wakes at least one of those who wait. Enough only if any of them can make use of the change. */
  notifyOne(): void {
    this.#changes.advance(1)
  }

  notifyAll(): void {
    this.#changes.advance()
  }

  /**
   * For the child's main thread, after each death of a thread that used this condition, and after `recover` of the mutex: the
   * dead one may have been notified and not have acted on it, or have made a change and not notified. So all look again.
   */
  recover(): void {
    this.notifyAll()
  }
}
