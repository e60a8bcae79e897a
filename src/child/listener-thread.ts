import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { entryFile } from '../shared/entry-files.js'
import type { SerializedError } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'
import type { Report } from '../shared/messages-to-parent.js'
import type { ListenerStart } from '../shared/thread-starts.js'
import type { MutexTerms } from '../sync/create-mechanism.js'
import type { HandOff } from '../sync/hand-off.js'
import { ListenerState, type Scoreboard } from '../sync/scoreboard.js'
import { openPipe } from '../sys/descriptor.js'
import type { Listening } from './listening.js'
import type { Shared } from './open-shared.js'

/** How often a stopping child looks whether its listener thread has let go. */
const LOOK_AGAIN_MS = 1

/** The listener thread of this child, seen from its main thread. */
export class ListenerThread implements Listening {
  readonly #worker: Worker
  readonly #wakeEnd: number
  readonly #slot: number
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  #hasExited = false

  constructor(
    start: StartChild,
    { mechanism, memory, handOff, scoreboard }: Shared & { readonly mechanism: MutexTerms },
    report: (error: SerializedError) => void,
  ) {
    const { readEnd, writeEnd } = openPipe()
    this.#wakeEnd = writeEnd
    this.#slot = start.slot
    this.#handOff = handOff
    this.#scoreboard = scoreboard
    const workerData: ListenerStart = {
      slot: start.slot,
      queueTimeout: start.overload.queueTimeout,
      wakeDescriptor: readEnd,
      mechanism,
      mailbox: start.mailbox,
      memory,
      scoreboard: start.scoreboard,
    }
    this.#worker = new Worker(entryFile('listener/main.js'), {
      workerData,
      // The user's flags are for the user's code.
      execArgv: [],
      trackUnmanagedFds: false,
    })
    this.#worker.on('message', (message: Report) => report(message.error))
    this.#worker.once('exit', () => {
      this.#hasExited = true
    })
  }

  /** Rejects if the thread fails; a child without it can't serve. */
  async failure(): Promise<never> {
    const [error] = await once(this.#worker, 'error')
    throw error
  }

  /**
   * Makes the thread stop accepting, and resolves when it will queue nothing more.
   *
   * The thread may sleep in `flock` and can't be woken there. That is as good as gone: whenever it gets the mutex, it
   * looks at the stop word first. It says "waiting for mutex" before it sleeps, and it looks at the stop word between
   * each poll and accept; this side writes the stop word and the wake descriptor before it reads that state. So if
   * the state is read here, no accept can come after it.
   */
  async stop(): Promise<void> {
    this.#handOff.listener.stop()
    // Ends a poll. The byte is never read, so every later poll ends at once, too.
    writeSync(this.#wakeEnd, '.')
    while (!this.#hasExited && !this.#sleepsInLock) await sleep(LOOK_AGAIN_MS)
  }

  /** Whether the thread runs no more within this time; one that sleeps in `flock` may sleep for ever. */
  async hasEndedWithin(ms: number): Promise<boolean> {
    const limit = performance.now() + ms
    while (!this.#hasExited && performance.now() < limit) await sleep(LOOK_AGAIN_MS)
    return this.#hasExited
  }

  get #sleepsInLock(): boolean {
    return this.#scoreboard.field(this.#slot, 'listenerState') === ListenerState.waitingForMutex
  }
}
