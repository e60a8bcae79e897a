import { Epoll } from '../sys/epoll.js'
import { signalEvent } from '../sys/event-descriptor.js'
import type { Acceptor } from './acceptor.js'
import { ThreadWord, threadWord, Word } from './child-memory.js'

/** Under which numbers an event loop hears of what it watches without knowing: those of descriptors that it knows. */
export interface LoopCalls {
  /** Something waits on a listener, or in the mailbox. */
  readonly connection: number
  /** Another thread passes a call on. */
  readonly passedOn: number
}

/** What came of a call. */
export interface CallTurn {
  /** An entry with which the thread is busy now, or -1. */
  readonly fd: number
  /** As in `AcceptTurn`. */
  readonly shortage: number
  /** Others idle, to whom the thread leaves it though it could take it. */
  readonly stepsBack: boolean
}

export interface ListenerWatchOptions {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  /** A descriptor of the epoll instance in which the event loop of this thread sleeps. */
  readonly loop: number
  readonly passOn: number
  readonly acceptor: Acceptor
  /** Called when the watch can't be switched on (the user watches too many descriptors, no memory): it is off, and may be tried again. */
  readonly failed: (error: unknown) => void
}

/** Takes a watch out of the epoll instance of a loop, whether it is on or not. */
export function unwatch(loop: Epoll, { watched }: Acceptor, passOn: number): void {
  for (const fd of watched) loop.remove(fd)
  loop.remove(passOn)
}

/**
 * The watch that a worker thread keeps on the listeners, the mailbox and the pass-on descriptor, in the epoll instance in which its own event loop
 * sleeps; see `ExclusiveMechanism`.
 *
 * The child's main thread ends all watches when the child stops, and closes the listeners: from then on their numbers may mean something else, so
 * no thread may switch its watch any more. A thread marks itself as *switching* and then looks whether the child stops; the main thread says so
 * and then waits for the marks to go. The same with a thread that it ends: libuv may go on sleeping there until the last job in its thread pool is done, and
 * would be called although no code runs any more. Atomics are sequentially consistent, so one of the two sees the other's write.
 */
export class ListenerWatch {
  readonly #words: Int32Array
  readonly #switching: number
  readonly #ending: number
  readonly #epoll: Epoll
  readonly #passOn: number
  readonly #acceptor: Acceptor
  readonly #failed: (error: unknown) => void
  #calls: LoopCalls | undefined
  #isOn = false

  constructor({ memory, thread, loop, passOn, acceptor, failed }: ListenerWatchOptions) {
    this.#words = new Int32Array(memory)
    this.#switching = threadWord(thread, ThreadWord.switching)
    this.#ending = threadWord(thread, ThreadWord.ending)
    this.#epoll = new Epoll(loop)
    this.#passOn = passOn
    this.#acceptor = acceptor
    this.#failed = failed
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** From now on the event loop can be called, or, with nothing given, not any more. */
  set calls(calls: LoopCalls | undefined) {
    if (calls === undefined) this.off()
    this.#calls = calls
  }

  /** What waits already is reported at once. */
  on(): void {
    const calls = this.#calls
    if (this.#isOn || calls === undefined) return
    try {
      this.#isOn = this.#switch(() => {
        for (const fd of this.#acceptor.watched) this.#epoll.add(fd, true, calls.connection)
        this.#epoll.add(this.#passOn, true, calls.passedOn)
      })
    } catch (error) {
      this.#takeOut()
      // Part of it was watched, and may have been called.
      this.callAnother()
      this.#failed(error)
    }
  }

  off(): void {
    if (!this.#isOn) return
    this.#isOn = false
    this.#takeOut()
  }

  #takeOut(): void {
    this.#switch(() => unwatch(this.#epoll, this.#acceptor, this.#passOn))
  }

  /** Whether the child stops: its descriptors may mean something else by now, and whoever ends the watches calls another child. */
  get isStopping(): boolean {
    return Atomics.load(this.#words, Word.stopping) === 1
  }

  /** The kernel may have called this thread alone for what still waits. */
  callAnother(): void {
    if (this.isStopping || this.#acceptor.hasWaiting) signalEvent(this.#passOn)
  }

  #switch(change: () => void): boolean {
    Atomics.store(this.#words, this.#switching, 1)
    try {
      const isOver = this.isStopping || Atomics.load(this.#words, this.#ending) === 1
      if (!isOver) change()
      return !isOver
    } finally {
      Atomics.store(this.#words, this.#switching, 0)
    }
  }
}
