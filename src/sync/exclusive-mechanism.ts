import type { Epoll } from '../sys/epoll.js'
import type { Acceptor, TakeEntry } from './acceptor.js'
import { Word } from './child-memory.js'
import type { Mechanism } from './mechanism.js'

/**
 * No mutex: each listener thread waits in an epoll instance that watches the listeners exclusively, and the kernel
 * wakes one of those that wait. A child without capacity watches nothing (it is *disarmed*); then its "listener asleep" word
 * is 1, and whichever thread has capacity again arms it with one system call, without waking anybody.
 *
 * Why no connection is overlooked: a wake-up that the kernel spends on a child that turns out to have no room (left) is
 * passed on. Such a child disarms, looks whether something still waits, and if so signals the *pass-on*
 * descriptor, which armed children watch exclusively like a listener: the next one wakes. If nobody is armed, the
 * signal stays until somebody is; and arming reports at once what waits. The parent signals it, too, when a
 * child has died, with a wake-up perhaps.
 */
export class ExclusiveMechanism implements Mechanism {
  readonly #words: Int32Array
  readonly #epoll: Epoll
  readonly #watched: readonly number[]
  readonly #acceptor: Acceptor

  constructor(memory: SharedArrayBuffer, epoll: Epoll, passOn: number, acceptor: Acceptor) {
    this.#words = new Int32Array(memory)
    this.#epoll = epoll
    this.#watched = [...acceptor.watched, passOn]
    this.#acceptor = acceptor
  }

  /** One of several that come at the same time arms. */
  wakeListener(): void {
    if (Atomics.compareExchange(this.#words, Word.listenerAsleep, 1, 0) === 1) this.arm()
  }

  arm(): void {
    // A child that stops has closed its listeners, and their numbers may mean something else.
    if (Atomics.load(this.#words, Word.stopping) === 1) return
    for (const fd of this.#watched) this.#epoll.add(fd, true)
  }

  /** For the listener thread: watches nothing, until some thread has capacity. */
  disarm(): void {
    for (const fd of this.#watched) this.#epoll.remove(fd)
    Atomics.store(this.#words, Word.listenerAsleep, 1)
  }

  /**
   * For the listener thread, when a disarmed instance reports a connection: a thread has changed the word and was then
   * so slow to arm that the listener thread has disarmed again in between. If yet another thread changes the word
   * meanwhile, its arming may be undone here, so it is done once more.
   */
  disarmAgain(): void {
    for (const fd of this.#watched) this.#epoll.remove(fd)
    if (Atomics.load(this.#words, Word.listenerAsleep) === 0) this.arm()
  }

  selfServe(_self: number, room: number, take: TakeEntry): number {
    return this.#acceptor.acceptQuickly(room, take).accepted
  }

  recover(_dead: number): void {
    // It may have died between the change of the word and the arming. To arm an armed instance changes nothing; and
    // one that has just disarmed without capacity finds that out again and disarms once more.
    if (Atomics.load(this.#words, Word.listenerAsleep) === 0) this.arm()
  }
}
