import type { AcceptMutex } from './accept-mutex.js'
import { type Acceptor, type AcceptTurn, NONE_ACCEPTED, type TakeEntry } from './acceptor.js'
import { Word } from './child-memory.js'
import { EventCount } from './event-count.js'
import type { Mechanism } from './mechanism.js'
import { Mutex } from './mutex.js'

/**
 * Only the holder of the accept mutex polls and accepts. Two locks, always taken in this order: `turn` among the threads
 * of this child, then the file lock among the children; a file lock alone would let two threads of
 * one child in.
 */
export class MutexMechanism implements Mechanism {
  readonly #words: Int32Array
  readonly #capacity: EventCount
  readonly #turn: Mutex
  readonly #mutex: AcceptMutex
  readonly #acceptor: Acceptor

  constructor(memory: SharedArrayBuffer, mutex: AcceptMutex, acceptor: Acceptor) {
    const words = new Int32Array(memory)
    this.#words = words
    this.#capacity = new EventCount(words, Word.capacity)
    this.#turn = new Mutex(words, Word.acceptor)
    this.#mutex = mutex
    this.#acceptor = acceptor
  }

  /** For the listener thread: sleeps until both locks are its own. Returns whether it had to wait for another child. */
  acquire(self: number): boolean {
    // A worker thread holds it for a few microseconds at most: it never waits while it does.
    this.#turn.lock(self)
    return this.#mutex.acquire()
  }

  release(self: number): void {
    this.#mutex.release()
    this.#turn.unlock(self)
  }

  /** To wake the listener thread would cost more. */
  get isSelfServed(): boolean {
    return Atomics.load(this.#words, Word.listenerAsleep) === 1
  }

  wakeListener(): void {
    this.#capacity.advance()
  }

  selfServe(self: number, room: number, take: TakeEntry): AcceptTurn {
    if (!this.#turn.tryLock(self)) return NONE_ACCEPTED
    try {
      if (!this.#mutex.tryAcquire()) return NONE_ACCEPTED
      try {
        return this.#acceptor.acceptQuickly(room, take)
      } finally {
        this.#mutex.release()
      }
    } finally {
      this.#turn.unlock(self)
    }
  }

  recover(dead: number): void {
    // The file lock belongs to the process and outlives the thread. To release it is right also if the thread
    // had not got that far: nobody else of this child can hold it while `turn` is the dead thread's.
    if (this.#turn.isHeldBy(dead)) this.#mutex.releaseAll()
    this.#turn.recover(dead)
  }
}
