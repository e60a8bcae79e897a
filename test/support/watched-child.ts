import { Acceptor } from '#dist/sync/acceptor.js'
import { createChildMemory, ThreadWord, threadWord } from '#dist/sync/child-memory.js'
import { ExclusiveMechanism } from '#dist/sync/exclusive-mechanism.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { ListenerWatch } from '#dist/sync/listener-watch.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { closeDescriptor, duplicate } from '#dist/sys/descriptor.js'
import { Epoll } from '#dist/sys/epoll.js'
import { clearEvent, openEventDescriptor } from '#dist/sys/event-descriptor.js'
import { PollSet } from '#dist/sys/poll.js'
import {
  acceptQueue,
  boundAddress,
  openListener,
  openStreamSocket,
  tryConnect,
} from '#dist/sys/socket.js'

/** Under which numbers the threads of a `WatchedChild` are called. */
export const CALLS = { connection: 1001, passedOn: 1002 } as const

const SLOT = 0
const pause = new Int32Array(new SharedArrayBuffer(4))

/** A thread of a `WatchedChild`: what it shares, and an epoll instance as its event loop. */
export interface WatchingThread {
  readonly handOff: HandOff
  readonly watch: ListenerWatch
  /** Why its watch could not be switched on. */
  readonly failures: unknown[]
  /** For what its event loop would be called now. */
  calls(): readonly number[]
}

/** A child without an accept mutex, with a real listener; its threads are played by the test, one step at a time. */
export class WatchedChild implements Disposable {
  readonly memory = createChildMemory()
  readonly words = new Int32Array(this.memory)
  readonly listener = openListener(
    { family: 4, host: '127.0.0.1', port: 0 },
    { backlog: 64, ipv6Only: false, reusePort: false },
  )
  readonly passOn = openEventDescriptor()
  readonly scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  readonly acceptor: Acceptor
  readonly mechanism: ExclusiveMechanism
  /** That of the child's main thread. */
  readonly handOff: HandOff
  readonly #signals = new PollSet([this.passOn])
  readonly #descriptors: number[] = []

  /** `alsoWatched` beside the listener. */
  constructor(alsoWatched: readonly number[] = []) {
    this.scoreboard.format()
    for (const slot of [SLOT, 1]) {
      this.scoreboard.openProcess(slot)
      this.scoreboard.setField(slot, 'serving', 1)
    }
    this.acceptor = this.#openAcceptor(alsoWatched)
    this.mechanism = new ExclusiveMechanism(this.memory, this.passOn, this.acceptor)
    this.handOff = new HandOff(this.memory, this.scoreboard, SLOT, this.mechanism)
  }

  thread(thread: number, alsoWatched: readonly number[] = []): WatchingThread {
    const epoll = Epoll.create()
    const loop = duplicate(epoll.fd)
    this.#descriptors.push(epoll.fd)
    this.words[threadWord(thread, ThreadWord.loop)] = loop + 1
    const acceptor = this.#openAcceptor(alsoWatched)
    const failures: unknown[] = []
    const failed = (error: unknown): void => void failures.push(error)
    const { memory, passOn } = this
    const watch = new ListenerWatch({ memory, thread, loop, passOn, acceptor, failed })
    watch.calls = CALLS
    const mechanism = new ExclusiveMechanism(memory, passOn, acceptor)
    mechanism.watch = watch
    const handOff = new HandOff(memory, this.scoreboard, SLOT, mechanism)
    return { handOff, watch, failures, calls: () => epoll.wait(0).sort() }
  }

  /** One more connection waits. */
  connect(): void {
    const client = openStreamSocket(4)
    this.#descriptors.push(client)
    const address = boundAddress(this.listener)
    if (address === undefined) throw new Error('the listener is not bound')
    const waiting = this.#waiting
    tryConnect(client, address)
    // The kernel may finish it a moment later.
    while (this.#waiting === waiting) Atomics.wait(pause, 0, 0, 1)
  }

  get #waiting(): number | undefined {
    return acceptQueue(this.listener)?.length
  }

  /** Whether somebody passes a call on; not any more afterwards. */
  takeSignal(): boolean {
    const isSignalled = this.#signals.wait(0) > 0
    clearEvent(this.passOn)
    return isSignalled
  }

  [Symbol.dispose](): void {
    for (const fd of [this.listener, this.passOn, ...this.#descriptors]) closeDescriptor(fd)
  }

  #openAcceptor(alsoWatched: readonly number[]): Acceptor {
    return new Acceptor([this.listener, ...alsoWatched], undefined, this.memory)
  }
}
