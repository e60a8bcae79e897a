import { closeDescriptor } from '../sys/descriptor.js'
import { Epoll } from '../sys/epoll.js'
import { signalEvent } from '../sys/event-descriptor.js'
import type { Acceptor, AcceptTurn, TakeEntry } from './acceptor.js'
import { LockOwner, ThreadWord, threadWord, Word } from './child-memory.js'
import { type ListenerWatch, unwatch } from './listener-watch.js'
import type { Mechanism } from './mechanism.js'

/** How often to look whether a thread has switched its watch. */
const LOOK_AGAIN_MS = 1

/**
 * No mutex, and no listener thread: each worker thread watches the listeners in the epoll instance in which its own event loop sleeps,
 * exclusively, so that the kernel calls one thread of all children for a connection: one whose loop sleeps.
 *
 * A thread keeps its watch on while it is busy, for a loop that does not sleep is not called. But it may have been called in the very moment in which it
 * got something else to do, or while its loop waits for something else; then nobody else knows of that connection.
 * **Why no connection is overlooked:** a thread that is called and can't take anything switches its watch off, looks whether something still waits, and if so
 * signals the *pass-on* descriptor, which all watch exclusively like a listener: the next one is called. If no watch is on, the signal stays until one is; and to switch a watch
 * on reports at once what waits. What woke a loop is the first of its events, so no handler runs before a thread has heard of its call. The child's main thread signals, too,
 * when a thread has died, and the parent when a child has: with a call perhaps.
 *
 * A thread whose watch is off asks the listeners by itself before it idles, and switches it on when nothing waits. So under load nothing is switched.
 */
export class ExclusiveMechanism implements Mechanism {
  /** Of this thread, if it is a worker thread. */
  watch: ListenerWatch | undefined
  readonly #words: Int32Array
  readonly #passOn: number
  readonly #acceptor: Acceptor

  constructor(memory: SharedArrayBuffer, passOn: number, acceptor: Acceptor) {
    this.#words = new Int32Array(memory)
    this.#passOn = passOn
    this.#acceptor = acceptor
  }

  /** Then it would not be told what waits. */
  get isSelfServed(): boolean {
    return this.watch?.isOn === false
  }

  wakeListener(): void {
    // There is none.
  }

  selfServe(_self: number, room: number, take: TakeEntry): AcceptTurn {
    return this.#acceptor.acceptQuickly(room, take)
  }

  /** For the child's main thread, when it has noted that it ends a thread; see `ListenerWatch`. */
  endWatch(thread: number): void {
    const loop = Atomics.load(this.#words, threadWord(thread, ThreadWord.loop)) - 1
    // In its place may be another one by now.
    const isMeant = Atomics.load(this.#words, threadWord(thread, ThreadWord.ending)) === 1
    if (!isMeant || loop < 0 || Atomics.load(this.#words, Word.stopping) === 1) return
    if (Atomics.load(this.#words, threadWord(thread, ThreadWord.switching)) === 1) {
      // It takes some µs, or the thread has died in it.
      setTimeout(() => this.endWatch(thread), LOOK_AGAIN_MS).unref()
      return
    }
    unwatch(new Epoll(loop), this.#acceptor, this.#passOn)
    if (this.#acceptor.hasWaiting) signalEvent(this.#passOn)
  }

  /** The epoll instance of its loop has outlived it, for this process has a descriptor of its own. */
  recover(dead: number): void {
    const thread = dead - LockOwner.worker(0)
    const loop = Atomics.exchange(this.#words, threadWord(thread, ThreadWord.loop), 0) - 1
    Atomics.store(this.#words, threadWord(thread, ThreadWord.switching), 0)
    if (loop >= 0) closeDescriptor(loop)
    if (Atomics.load(this.#words, Word.stopping) === 0 && this.#acceptor.hasWaiting)
      signalEvent(this.#passOn)
  }
}
