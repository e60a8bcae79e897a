import { setTimeout as sleep } from 'node:timers/promises'
import type { Acceptor } from '../sync/acceptor.js'
import { ThreadWord, threadWord } from '../sync/child-memory.js'
import type { HandOff } from '../sync/hand-off.js'
import { MAX_THREADS } from '../sync/limits.js'
import { unwatch } from '../sync/listener-watch.js'
import { Epoll } from '../sys/epoll.js'
import { signalEvent } from '../sys/event-descriptor.js'
import type { Listening } from './listening.js'
import type { Shared } from './open-shared.js'

/** How often a stopping child looks whether a thread has switched its watch. */
const LOOK_AGAIN_MS = 1

/** The watches that the worker threads of this child keep on the listeners, seen from its main thread. */
export class ThreadWatches implements Listening {
  readonly #words: Int32Array
  readonly #passOn: number
  readonly #acceptor: Acceptor
  readonly #handOff: HandOff

  constructor(
    { memory, acceptor, handOff }: Pick<Shared, 'memory' | 'acceptor' | 'handOff'>,
    passOn: number,
  ) {
    this.#words = new Int32Array(memory)
    this.#passOn = passOn
    this.#acceptor = acceptor
    this.#handOff = handOff
  }

  /** Whatever fails in a worker thread is that one's matter. */
  failure(): Promise<never> {
    return new Promise(() => undefined)
  }

  /**
   * Ends all of them, also of threads that run a handler, and resolves when no thread will touch a listener any more; see `ListenerWatch`. A
   * thread that dies while it switches is marked until `recover`.
   */
  async stop(): Promise<void> {
    this.#handOff.listener.stop()
    for (let thread = 0; thread < MAX_THREADS; thread++) {
      while (this.#word(thread, ThreadWord.switching) === 1) await sleep(LOOK_AGAIN_MS)
      const loop = this.#word(thread, ThreadWord.loop) - 1
      if (loop >= 0) unwatch(new Epoll(loop), this.#acceptor, this.#passOn)
    }
    // One of them may have been called, and finds now that it is too late.
    if (this.#acceptor.hasWaiting) signalEvent(this.#passOn)
  }

  /** There is no thread of its own that would have to end. */
  async hasEndedWithin(): Promise<boolean> {
    return true
  }

  #word(thread: number, word: (typeof ThreadWord)[keyof typeof ThreadWord]): number {
    return Atomics.load(this.#words, threadWord(thread, word))
  }
}
