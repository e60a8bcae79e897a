import { LockOwner, RING_SIZE, ThreadWord, threadWord, Word } from './child-memory.js'
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
 * is noted "in hand" before the head passes it. `recover` tells from the two where a dead thread stood.
 */
export class FdQueue {
  readonly #words: Int32Array
  readonly #mutex: Mutex

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

  /** Adds a descriptor; false when the ring is full (the caller still owns the descriptor). */
  push(self: number, fd: number): boolean {
    this.#mutex.lock(self)
    const tail = Atomics.load(this.#words, Word.queueTail)
    const isFull = ((tail - Atomics.load(this.#words, Word.queueHead)) | 0) >= RING_SIZE
    if (!isFull) {
      Atomics.store(this.#words, place(tail), fd)
      Atomics.store(this.#words, Word.queueTail, tail + 1)
    }
    this.#mutex.unlock(self)
    return !isFull
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

  /** Takes everything that is left, for the child's main thread when no worker thread will come again. */
  drain(): number[] {
    const left: number[] = []
    this.#mutex.lock(LockOwner.control)
    let head = Atomics.load(this.#words, Word.queueHead)
    while (head !== Atomics.load(this.#words, Word.queueTail)) {
      left.push(Atomics.load(this.#words, place(head)))
      head = (head + 1) | 0
      Atomics.store(this.#words, Word.queueHead, head)
    }
    this.#mutex.unlock(LockOwner.control)
    return left
  }

  /**
   * After worker thread `dead` has ended: frees its lock, and returns the descriptor that it had taken
   * but not wrapped, -1 if there was none. The caller owns that descriptor now.
   *
   * The note "in hand" alone does not tell: the thread may have died between the note and the head. As long
   * as it held the mutex nobody else moved the head, so the entry at the head is the noted one exactly
   * if the head had not passed it yet; then it is still queued.
   */
  recover(dead: number): number {
    const fd = Atomics.load(this.#words, threadWord(dead, ThreadWord.inHand)) - 1
    const self = LockOwner.worker(dead)
    const isHeld = this.#mutex.isHeldBy(self)
    const head = Atomics.load(this.#words, Word.queueHead)
    const isQueued = isHeld && this.length > 0 && Atomics.load(this.#words, place(head)) === fd
    Atomics.store(this.#words, threadWord(dead, ThreadWord.inHand), 0)
    this.#mutex.recover(self)
    return isQueued ? -1 : fd
  }
}

function place(position: number): number {
  return Word.ring + (position & (RING_SIZE - 1))
}
