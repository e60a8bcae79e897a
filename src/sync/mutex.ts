import { fail } from '../shared/errors.js'

/**
 * The word of a mutex:
 *
 *        31     30        29      28 ........................ 0
 *     +-----+---------+-------+-------------------------------+
 *     |  0  | waiters | async | owner (0: free, 1 … 2^29 - 1) |
 *     +-----+---------+-------+-------------------------------+
 *
 * `waiters` says that somebody may sleep on the word, so that the one who unlocks has to wake. It may be
 * set while nobody sleeps (that costs one needless wake-up), never the other way round. `async` says that some
 * of them wait in `lockAsync`; then all are to be woken.
 */
const FREE = 0
const WAITERS = 1 << 30
const ASYNC = 1 << 29
const OWNER = ASYNC - 1

const FOREVER = Number.POSITIVE_INFINITY

/**
 * A robust mutex between the threads of one process, in one word of a SharedArrayBuffer: Ulrich Drepper's
 * "mutex 2" (Futexes Are Tricky, 2011), whose word also names the owner, so that a lock whose owner died
 * can be told from one in use.
 *
 * A thread has its own number (1 … 2^29 - 1), given to no other thread as long as the death of its former
 * bearer has not been handled with `recover`. It has one claim at a time: while it holds the lock or awaits it in
 * `lockAsync`, it can't ask for it again. The lock goes to whoever comes when it is free, not by order of
 * arrival: to hand it to a sleeper would leave it unused until that one runs. User code must never run
 * while the lock is held.
 *
 * The thread that calls `recover` must not sleep in `lock`, or two deaths at a time could leave it waiting for
 * a lock that only it can free: `lockAsync` is for that one.
 *
 * Why no wake-up is lost: a thread sleeps only by `Atomics.wait(word, owner | WAITERS)`, which compares
 * and falls asleep in one step. `unlock` replaces the whole word in one step. So either the exchange
 * comes first, the comparison fails and the thread tries again, or the sleep comes first, the exchange sees
 * WAITERS and wakes one. Whoever was woken takes the lock *with* WAITERS, because more may sleep, or finds
 * it taken and sets WAITERS, also if it then gives up because its time is over. (Between waking and setting
 * somebody may take and release the lock without waking: then the woken one finds it free and has it.)
 *
 * One that waits in `lockAsync` can't keep the other half of this bargain: woken, it comes when its event loop
 * turns, which may be in seconds, or never if that thread now sleeps until somebody else takes this very
 * lock. So a wake-up is never spent on it alone: ASYNC makes `unlock` wake all.
 */
export class Mutex {
  readonly #words: Int32Array
  readonly #index: number
  /** Whether `lockAsync` of this thread is under way. */
  #isAwaited = false

  constructor(words: Int32Array, index: number) {
    this.#words = words
    this.#index = index
  }

  /**
   * Takes the lock, asleep until it is free or `timeoutMs` is over; tells whether it was taken.
   * @throws FT_ERR_LOCK_HELD when this thread holds or awaits it already (it would wait for itself for ever)
   */
  lock(self: number, timeoutMs = FOREVER): boolean {
    if (this.#isAwaited) throw fail('FT_ERR_LOCK_HELD', [self])
    if (Atomics.compareExchange(this.#words, this.#index, FREE, self) === FREE) return true
    const deadline = timeoutMs === FOREVER ? FOREVER : performance.now() + timeoutMs
    let taken = self
    for (;;) {
      const seen = this.#takeOrMark(self, taken, WAITERS)
      if (seen === FREE) return true
      const rest = deadline === FOREVER ? FOREVER : deadline - performance.now()
      if (rest <= 0) return false
      Atomics.wait(this.#words, this.#index, seen, rest)
      // From here on others may sleep on the word without its telling so: see the class comment.
      taken = self | WAITERS
    }
  }

  /**
   * Takes the lock if it is free; never waits.
   * @throws FT_ERR_LOCK_HELD when this thread holds or awaits it already
   */
  tryLock(self: number): boolean {
    if (this.#isAwaited) throw fail('FT_ERR_LOCK_HELD', [self])
    const seen = Atomics.compareExchange(this.#words, this.#index, FREE, self)
    if ((seen & OWNER) === self) throw fail('FT_ERR_LOCK_HELD', [self])
    return seen === FREE
  }

  /**
   * Like `lock`, for a thread whose event loop must go on meanwhile. The promise does not keep the thread alive. What the
   * lock guards should be done with before the next `await`: others may sleep until `unlock`.
   *
   * Rejects with FT_ERR_LOCK_HELD when this thread holds or awaits the lock already: the owner is a thread, so two of its
   * tasks can't exclude each other.
   */
  async lockAsync(self: number): Promise<void> {
    if (this.#isAwaited) throw fail('FT_ERR_LOCK_HELD', [self])
    if (Atomics.compareExchange(this.#words, this.#index, FREE, self) === FREE) return
    let taken = self
    try {
      for (;;) {
        const seen = this.#takeOrMark(self, taken, WAITERS | ASYNC)
        if (seen === FREE) return
        this.#isAwaited = true
        const sleep = Atomics.waitAsync(this.#words, this.#index, seen)
        if (sleep.async) await sleep.value
        taken = self | WAITERS
      }
    } finally {
      this.#isAwaited = false
    }
  }

  /** Gives the lock back and wakes one waiter. @throws FT_ERR_LOCK_NOT_HELD when this thread does not hold it */
  unlock(self: number): void {
    const seen = Atomics.compareExchange(this.#words, this.#index, self, FREE)
    if (seen === self) return
    const owner = seen & OWNER
    // Only the owner changes the owner part of the word, so what was read of it can't grow stale.
    if (owner !== self) throw fail('FT_ERR_LOCK_NOT_HELD', [self, owner])
    const before = Atomics.exchange(this.#words, this.#index, FREE)
    Atomics.notify(this.#words, this.#index, before & ASYNC ? FOREVER : 1)
  }

  /** Whether this thread holds the lock. Certain only for that thread, or after its death. */
  isHeldBy(owner: number): boolean {
    return (Atomics.load(this.#words, this.#index) & OWNER) === owner
  }

  /**
   * For the child's main thread, once thread `dead` has ended for certain: frees what it held. Tells
   * whether it held the lock; what the lock guards is then as the dead thread left it.
   *
   * All sleepers are woken in any case. The dead thread may have freed the lock and not woken anybody yet; or it
   * was the one that an `unlock` had woken, gone before it took the lock, and then nobody else would wake
   * the rest.
   */
  recover(dead: number): boolean {
    let seen = Atomics.load(this.#words, this.#index)
    let held = false
    while ((seen & OWNER) === dead && !held) {
      const found = Atomics.compareExchange(this.#words, this.#index, seen, FREE)
      // The CAS can only fail because a waiter set WAITERS or ASYNC meanwhile.
      held = found === seen
      seen = found
    }
    Atomics.notify(this.#words, this.#index)
    return held
  }

  /**
   * Takes a free lock as `taken`, or sees to it that a held one carries `marks`. Returns FREE when taken,
   * else the value to sleep on.
   */
  #takeOrMark(self: number, taken: number, marks: number): number {
    for (;;) {
      const seen = Atomics.load(this.#words, this.#index)
      if (seen === FREE) {
        if (Atomics.compareExchange(this.#words, this.#index, FREE, taken) === FREE) return FREE
        continue
      }
      if ((seen & OWNER) === self) throw fail('FT_ERR_LOCK_HELD', [self])
      if ((seen & marks) === marks) return seen
      const marked = seen | marks
      if (Atomics.compareExchange(this.#words, this.#index, seen, marked) === seen) return marked
    }
  }
}
