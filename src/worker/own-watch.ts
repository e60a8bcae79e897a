import { acceptShortage } from '../sync/accept-shortage.js'
import type { Acceptor } from '../sync/acceptor.js'
import { ThreadWord, threadWord } from '../sync/child-memory.js'
import { ListenerWatch } from '../sync/listener-watch.js'
import { duplicate } from '../sys/descriptor.js'
import { Epoll } from '../sys/epoll.js'
import { clearEvent } from '../sys/event-descriptor.js'
import { eventLoopDescriptor } from '../sys/event-loop.js'
import { systemError } from '../sys/libc.js'
import type { Activity } from './activity.js'
import { LoopCall } from './loop-call.js'

/** No descriptors or no memory: only time can mend it. The pause doubles up to the longest. */
const SHORTEST_BACKOFF_MS = 10
const LONGEST_BACKOFF_MS = 1000

/** How long a thread that waits for I/O leaves connections to idle threads; doubles while it lasts. */
const SHORTEST_STEP_BACK_MS = 2
const LONGEST_STEP_BACK_MS = 100

/** After so many calls in vain the loop may call for nothing at all. */
const MANY_IN_VAIN = 8

/** How long to wait after libuv has taken the end of a listener for that of a stream. */
const BROKEN_MS = 1000

export interface OwnWatchOptions {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly passOn: number
  readonly acceptor: Acceptor
  readonly activity: Pick<Activity, 'called' | 'watchAgain'>
  /** Called when accepting, or the watch itself, fails in a way that lasts (no descriptors, no memory), once each time it begins. */
  readonly onShortage: (error: unknown) => void
}

/** What a worker thread does when the event loop calls it for what waits on the listeners; see `ExclusiveMechanism`. */
export class OwnWatch {
  readonly watch: ListenerWatch
  readonly #options: OwnWatchOptions
  readonly #epoll: Epoll
  #calls: LoopCall[] = []
  #stepBackMs = SHORTEST_STEP_BACK_MS
  #backoffMs = SHORTEST_BACKOFF_MS
  #again: NodeJS.Timeout | undefined
  #inVain = 0
  #isBroken = false
  #isClosed = false

  constructor(options: OwnWatchOptions) {
    this.#options = options
    const { memory, thread, passOn, acceptor } = options
    const loop = duplicate(eventLoopDescriptor())
    if (loop < 0) throw systemError('fcntl', 'the event loop of a thread')
    // From here on the child's main thread closes it.
    Atomics.store(new Int32Array(memory), threadWord(thread, ThreadWord.loop), loop + 1)
    this.#epoll = new Epoll(loop)
    const failed = (error: unknown): void => this.#backOff(error)
    this.watch = new ListenerWatch({ memory, thread, loop, passOn, acceptor, failed })
  }

  /** Resolves when the loop can be called. */
  async open(): Promise<void> {
    const { passOn } = this.#options
    this.#isBroken = false
    const connection = await LoopCall.open(this.#epoll, () => this.#called(), this.#broken)
    this.#calls = [connection]
    const passedOn = await LoopCall.open(
      this.#epoll,
      () => {
        // Another child's signal is another child's.
        if (this.watch.isStopping) return
        clearEvent(passOn)
        this.#called(true)
      },
      this.#broken,
    )
    this.#calls.push(passedOn)
    this.watch.calls = { connection: connection.number, passedOn: passedOn.number }
  }

  /** The thread takes nothing more, or ends. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#again)
    this.watch.calls = undefined
    this.watch.callAnother()
    for (const call of this.#calls) call.close()
  }

  #called(isPassedOn = false): void {
    const { shortage, stepsBack, isVain } = this.#options.activity.called(isPassedOn)
    if (shortage !== 0) this.#backOff(acceptShortage(shortage))
    else if (stepsBack) {
      this.#lookAgain(this.#stepBackMs)
      this.#stepBackMs = Math.min(this.#stepBackMs * 2, LONGEST_STEP_BACK_MS)
    } else if (!isVain) {
      this.#stepBackMs = SHORTEST_STEP_BACK_MS
      this.#backoffMs = SHORTEST_BACKOFF_MS
    }
    this.#inVain = isVain ? this.#inVain + 1 : 0
    if (this.#inVain % MANY_IN_VAIN === MANY_IN_VAIN - 1)
      for (const call of this.#calls) call.silence()
  }

  #backOff(error: unknown): void {
    if (this.#backoffMs === SHORTEST_BACKOFF_MS) this.#options.onShortage(error)
    this.#lookAgain(this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS)
  }

  #lookAgain(afterMs: number): void {
    clearTimeout(this.#again)
    this.#again = setTimeout(() => this.#options.activity.watchAgain(), afterMs)
    this.#again.unref()
  }

  readonly #broken = (): void => {
    if (this.#isBroken || this.#isClosed) return
    this.#isBroken = true
    this.watch.calls = undefined
    for (const call of this.#calls) call.close()
    // What else the loop was about to call for is forgotten with them.
    this.watch.callAnother()
    this.#openAgain()
  }

  #openAgain(): void {
    clearTimeout(this.#again)
    this.#again = setTimeout(() => {
      if (this.#isClosed) return
      this.open().then(
        () => this.#options.activity.watchAgain(),
        // No descriptors: only time can mend it.
        (error: unknown) => {
          this.#isBroken = true
          for (const call of this.#calls) call.close()
          this.#options.onShortage(error)
          this.#openAgain()
        },
      )
    }, BROKEN_MS)
    this.#again.unref()
  }
}
