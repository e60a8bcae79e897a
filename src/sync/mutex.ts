import { fail } from '../errors.js'

/**
 * The word of a mutex:
 *
 *      31            30 ........................ 0
 *     +---------+-------------------------------+
 *     | waiters | owner (0: free, 1 … 2^30 - 1) |
 *     +---------+-------------------------------+
 *
 * `waiters` says that somebody may sleep on the word, so that the one who unlocks has to wake. It may be
 * set while nobody sleeps (that costs one needless wake-up), never the other way round.
 */
const FREE = 0
const WAITERS = 1 << 30
const OWNER = WAITERS - 1

const FOREVER = Number.POSITIVE_INFINITY

/**
 * A robust mutex between the threads of one process, in one word of a SharedArrayBuffer: Ulrich Drepper's
 * "mutex 2" (Futexes Are Tricky, 2011), whose word also names the owner, so that a lock whose owner died
 * can be told from one in use.
 *
 * A thread has its own number (1 … 2^30 - 1), given to no other thread as long as the death of its former
 * bearer has not been handled with `recover`. User code must never run while the lock is held.
 *
 * Why no wake-up is lost: a thread sleeps only by `Atomics.wait(word, owner | WAITERS)`, which compares
 * and falls asleep in one step. `unlock` replaces the whole word in one step. So either the exchange
 * comes first, the comparison fails and the thread tries again, or the sleep comes first, the exchange sees
 * WAITERS and wakes one. Whoever was woken takes the lock *with* WAITERS, because more may sleep.
 */
export class Mutex {
  readonly #words: Int32Array
  readonly #index: number

  constructor(words: Int32Array, index: number) {
    this.#words = words
    this.#index = index
  }

  /**
   * Takes the lock, asleep until it is free or `timeoutMs` is over; tells whether it was taken.
   * @throws FT_ERR_LOCK_HELD when this thread holds it already (it would wait for itself for ever)
   */
  lock(self: number, timeoutMs = FOREVER): boolean {
    if (Atomics.compareExchange(this.#words, this.#index, FREE, self) === FREE) return true
    const deadline = timeoutMs === FOREVER ? FOREVER : performance.now() + timeoutMs
    let taken = self
    for (;;) {
      const seen = this.#takeOrMark(self, taken)
      if (seen === FREE) return true
      const rest = deadline === FOREVER ? FOREVER : deadline - performance.now()
      if (rest <= 0) return false
      Atomics.wait(this.#words, this.#index, seen, rest)
      // From here on others may sleep on the word without its telling so: see the class comment.
      taken = self | WAITERS
    }
  }

  /** Takes the lock if it is free; never waits. @throws FT_ERR_LOCK_HELD when this thread holds it */
  tryLock(self: number): boolean {
    const seen = Atomics.compareExchange(this.#words, this.#index, FREE, self)
    if ((seen & OWNER) === self) throw fail('FT_ERR_LOCK_HELD', [self])
    return seen === FREE
  }

  /** Like `lock`, for a thread whose event loop must go on meanwhile. */
  async lockAsync(self: number): Promise<void> {
    if (Atomics.compareExchange(this.#words, this.#index, FREE, self) === FREE) return
    let taken = self
    for (;;) {
      const seen = this.#takeOrMark(self, taken)
      if (seen === FREE) return
      const sleep = Atomics.waitAsync(this.#words, this.#index, seen)
      if (sleep.async) await sleep.value
      taken = self | WAITERS
    }
  }

  /** Gives the lock back and wakes one waiter. @throws FT_ERR_LOCK_NOT_HELD when this thread does not hold it */
  unlock(self: number): void {
    const owner = Atomics.load(this.#words, this.#index) & OWNER
    // Only the owner changes the owner part of the word, so what was read of it can't grow stale.
    if (owner !== self) throw fail('FT_ERR_LOCK_NOT_HELD', [self, owner])
    const before = Atomics.exchange(this.#words, this.#index, FREE)
    if (before & WAITERS) Atomics.notify(this.#words, this.#index, 1)
  }

  /** Whether this thread holds the lock. Certain only for that thread, or after its death. */
  isHeldBy(owner: number): boolean {
    return (Atomics.load(this.#words, this.#index) & OWNER) === owner
  }

  /**
   * For the child's main thread, once thread `dead` has ended for certain: frees what it held. Tells
   * whether it held the lock; what the lock guards is then as the dead thread left it.
   *
   * All sleepers are woken in any case: the dead thread may have been the one that an `unlock` had woken,
   * gone before it took the lock, and then nobody else would wake the rest.
   */
  recover(dead: number): boolean {
    let seen = Atomics.load(this.#words, this.#index)
    let held = false
    while ((seen & OWNER) === dead && !held) {
      const found = Atomics.compareExchange(this.#words, this.#index, seen, FREE)
      // The CAS can only fail because a waiter set WAITERS meanwhile.
      held = found === seen
      seen = found
    }
    Atomics.notify(this.#words, this.#index)
    return held
  }

  /**
   * Takes a free lock as `taken`, or sees to it that a held one carries WAITERS. Returns FREE when taken,
   * else the value to sleep on.
   */
  #takeOrMark(self: number, taken: number): number {
    for (;;) {
      const seen = Atomics.load(this.#words, this.#index)
      if (seen === FREE) {
        if (Atomics.compareExchange(this.#words, this.#index, FREE, taken) === FREE) return FREE
        continue
      }
      if ((seen & OWNER) === self) throw fail('FT_ERR_LOCK_HELD', [self])
      if (seen & WAITERS) return seen
      const marked = seen | WAITERS
      if (Atomics.compareExchange(this.#words, this.#index, seen, marked) === seen) return marked
    }
  }
}
