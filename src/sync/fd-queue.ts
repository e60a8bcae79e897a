import {
  LockOwner,
  PARKER_THREAD,
  RING_SIZE,
  ThreadWord,
  threadWord,
  Word,
} from './child-memory.js'
import { monotonicMs } from './clock.js'
import { Mutex } from './mutex.js'

/**
 * The fd queue: a bounded ring of accepted descriptors between the listener thread and the worker threads of
 * one child.
 *
 *          head                tail
 *           v                   v
 *     +---+---+---+---+---+---+---+---+
 *     |   | 9 | 12| 7 |   |   |   |   |      head and tail only grow; their place is modulo the size
 *     +---+---+---+---+---+---+---+---+
 *
 * Head, tail and ring change under the mutex only. What the mutex guards is right at *every* store, so
 * that a thread may die between any two: an entry is written before the tail shows it, and a descriptor
 * that a worker thread puts in or takes out is noted "in hand" for as long as it may be the thread's own:
 *
 *     push   note, lock, write the entry, move the tail, erase the note, unlock
 *     take         lock, note, move the head, unlock, … unhand: erase the note
 *
 * What is queued is an *entry*: a descriptor, perhaps with a mark beside it (see `entry.ts`).
 *
 * The note alone does not tell where a dead thread stood: there may be a note and an entry at the same time. But
 * then that thread holds the mutex, and what it left in the ring nobody else can have taken; see `recover`.
 */
export class FdQueue {
  readonly #words: Int32Array
  readonly #mutex: Mutex
  /** How long what was taken last had been queued, in seconds. */
  lastWaitSeconds = 0
  /** Settles when the last `pushAsync` of this thread has ended. */
  #pushed: Promise<unknown> = Promise.resolve()

  constructor(words: Int32Array) {
    this.#words = words
    this.#mutex = new Mutex(words, Word.queueMutex)
  }

  /**
   * How many descriptors wait. Read without the lock: exact for whoever has just written head or tail,
   * else a moment old. The tail is read last, so a queue with an entry that nobody takes is never seen empty.
   */
  get length(): number {
    const head = Atomics.load(this.#words, Word.queueHead)
    return (Atomics.load(this.#words, Word.queueTail) - head) | 0
  }

  /** Adds a descriptor; false when the ring is full: then the caller still owns it, and what was noted in hand still is. */
  push(self: number, fd: number): boolean {
    // Noted before the lock is asked for: that may be a long sleep, and death may come in it.
    this.#note(self, fd)
    this.#mutex.lock(self)
    return this.#pushLocked(self, fd)
  }

  /**
   * Like `push`, for the child's main thread: if the thread that holds the mutex is dead, the main thread has yet
   * to be told so by its event loop, and to call `recover`. In `push` it would sleep for ever.
   */
  pushAsync(self: number, fd: number): Promise<boolean> {
    const pushed = this.#pushed.then(async () => {
      await this.#mutex.lockAsync(self)
      return this.#pushLocked(self, fd)
    })
    this.#pushed = pushed
    return pushed
  }

  /**
   * Takes the oldest descriptor for a worker thread, -1 if there is none. It is then "in hand": the
   * thread must call `unhand` right before it makes the descriptor a socket of its event loop.
   */
  take(thread: number): number {
    // An empty queue is the common case for a thread that looks after each request: no lock for that.
    if (this.length === 0) return -1
    const self = LockOwner.worker(thread)
    this.#mutex.lock(self)
    let fd = -1
    if (this.length > 0) {
      const head = Atomics.load(this.#words, Word.queueHead)
      fd = Atomics.load(this.#words, place(head))
      this.lastWaitSeconds = secondsSince(this.#words[queuedAt(head)] ?? 0)
      Atomics.store(this.#words, threadWord(thread, ThreadWord.inHand), fd + 1)
      Atomics.store(this.#words, Word.queueHead, head + 1)
    }
    this.#mutex.unlock(self)
    return fd
  }

  /**
   * From now on the descriptor belongs to the thread's event loop, which closes it when the thread ends.
   * Called right *before* the wrapping: a thread that dies between the two leaks the descriptor until
   * the process ends, whereas after the wrapping it would be closed twice, the second time perhaps in
   * the hands of another thread that got the same number.
   */
  unhand(thread: number): void {
    Atomics.store(this.#words, threadWord(thread, ThreadWord.inHand), 0)
  }

  /** Notes an entry that the thread has got from elsewhere as in hand, with the same meaning. */
  hold(thread: number, entry: number): void {
    this.#note(LockOwner.worker(thread), entry)
  }

  /**
   * From here on what is in hand may be in the mailbox as well, as a descriptor that no death can take from it. Should this
   * thread die, its own one is only to be closed. (Between this note and the mail it is lost with the thread, as what a
   * thread serves is lost with it. Whether the mail is on its way nobody can tell afterwards, and a connection that two
   * threads read would be worse: its client would get answers mixed up.)
   */
  holdMailed(thread: number, entry: number): void {
    Atomics.store(this.#words, threadWord(thread, ThreadWord.inHand), -(entry + 1))
  }

  /** Before `recover`: the entry that `dead` had noted with `holdMailed`, -1 if there is none. The caller closes it. */
  recoverMailed(dead: number): number {
    const note = threadWord(dead, ThreadWord.inHand)
    const noted = Atomics.load(this.#words, note)
    if (noted >= 0) return -1
    Atomics.store(this.#words, note, 0)
    return -noted - 1
  }

  /**
   * After worker thread (or parker) `dead` has ended: frees its lock, and returns the descriptor that it had in hand, -1 if
   * there was none. The caller owns that descriptor now.
   *
   * A descriptor that is in hand and in the ring is still (or already) queued, if the dead thread holds the mutex. If it
   * does not, the note is from before the lock of a `push` or after that of a `take`, and the descriptor
   * is in no ring: the numbers of open descriptors are distinct, and a note is erased while its descriptor is open.
   */
  recover(dead: number): number {
    const self = LockOwner.worker(dead)
    const note = threadWord(dead, ThreadWord.inHand)
    const noted = Atomics.load(this.#words, note)
    const fd = noted - 1
    const isQueued = fd >= 0 && this.#mutex.isHeldBy(self) && this.#contains(fd)
    Atomics.store(this.#words, note, 0)
    this.#mutex.recover(self)
    return isQueued || fd < 0 ? -1 : fd
  }

  /** The rest of a push; releases the mutex. */
  #pushLocked(self: number, fd: number): boolean {
    const tail = Atomics.load(this.#words, Word.queueTail)
    const isFull = ((tail - Atomics.load(this.#words, Word.queueHead)) | 0) >= RING_SIZE
    if (!isFull) {
      Atomics.store(this.#words, place(tail), fd)
      this.#words[queuedAt(tail)] = microseconds()
      Atomics.store(this.#words, Word.queueTail, tail + 1)
    }
    // Before the unlock: afterwards another thread may take, serve and close it, and the number be given anew. What the ring
    // had no room for stays in hand: a death before the caller has found another place for it must not lose it.
    if (!isFull) this.#note(self, -1)
    this.#mutex.unlock(self)
    return !isFull
  }

  /** What a worker thread or the parker has in hand; the death of any other thread ends the child. */
  #note(self: number, fd: number): void {
    const thread = self - LockOwner.worker(0)
    if (thread <= PARKER_THREAD)
      Atomics.store(this.#words, threadWord(thread, ThreadWord.inHand), fd + 1)
  }

  #contains(fd: number): boolean {
    const tail = Atomics.load(this.#words, Word.queueTail)
    for (let at = Atomics.load(this.#words, Word.queueHead); at !== tail; at = (at + 1) | 0) {
      if (Atomics.load(this.#words, place(at)) === fd) return true
    }
    return false
  }
}

function place(position: number): number {
  return Word.ring + (position & (RING_SIZE - 1))
}

/** Beside the entry, and like it under the mutex. */
function queuedAt(position: number): number {
  return Word.queuedAt + (position & (RING_SIZE - 1))
}

/** In 32 bits, so it goes round after an hour. */
function microseconds(): number {
  return Math.round(monotonicMs() * 1000) | 0
}

function secondsSince(then: number): number {
  const elapsed = (microseconds() - then) | 0
  // Threads read the same clock some ns apart.
  return elapsed > 0 ? elapsed / 1e6 : 0
}
