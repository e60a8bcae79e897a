import { Word } from './child-memory.js'
import { EventCount } from './event-count.js'
import type { FdQueue } from './fd-queue.js'
import type { Mechanism } from './mechanism.js'
import type { Standings } from './standings.js'

/**
 * The sleep of the listener thread while no thread of its child can take a connection, and the word that it shall leave.
 *
 * **It never sleeps through capacity.** It sets "asleep", then looks for capacity, then
 * sleeps on an event count read before. A thread sets its bit (or takes from the queue), then reads "asleep".
 * One of the two sees the other's write, since atomics are sequentially consistent; and if the count grew between, the sleep does not begin.
 *
 * (Without an accept mutex there is no listener thread; see `ExclusiveMechanism`.)
 */
export class ListenerSleep {
  readonly #words: Int32Array
  readonly #queue: FdQueue
  readonly #standings: Standings
  readonly #mechanism: Mechanism
  readonly #capacity: EventCount

  constructor(words: Int32Array, queue: FdQueue, standings: Standings, mechanism: Mechanism) {
    this.#words = words
    this.#queue = queue
    this.#standings = standings
    this.#mechanism = mechanism
    this.#capacity = new EventCount(words, Word.capacity)
  }

  /** For the listener thread: sleeps until `hasCapacity` may have become true, `timeoutMs` is over, or `stop` is called. */
  sleepUntil(hasCapacity: () => boolean, timeoutMs = Number.POSITIVE_INFINITY): void {
    const seen = this.#capacity.read()
    Atomics.store(this.#words, Word.listenerAsleep, 1)
    if (!hasCapacity() && !this.isStopping) this.#capacity.wait(seen, timeoutMs)
    Atomics.store(this.#words, Word.listenerAsleep, 0)
  }

  /** Whether the listener thread watches nothing, for want of capacity. */
  get isAsleep(): boolean {
    return Atomics.load(this.#words, Word.listenerAsleep) === 1
  }

  /** The listener thread shall leave, and the worker threads accept nothing. */
  get isStopping(): boolean {
    return Atomics.load(this.#words, Word.stopping) === 1
  }

  /**
   * Called after each change that may make room: a bit set, a descriptor taken. The changes have an order, and whoever makes
   * the last of those that together make room sees the others; so it suffices to look for room here.
   */
  announceCapacity(): void {
    if (!this.isAsleep) return
    const queued = this.#queue.length
    const mayQueueForOpen = queued === 0 && this.#standings.openBits !== 0
    if (this.#standings.idleCount <= queued && !mayQueueForOpen) return
    this.#mechanism.wakeListener()
  }

  /** For the child's main thread: the listener thread is to leave as soon as it runs again. */
  stop(): void {
    Atomics.store(this.#words, Word.stopping, 1)
    this.#capacity.advance()
  }
}
