import { ForkthreadError, fail, type SerializedError, serializeError } from '../shared/errors.js'
import { userStack } from '../shared/user-stack.js'
import { monotonicMs } from '../sync/clock.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { WorkerThread } from './worker-thread.js'

/** What is said of a worker thread that has died: of what, after how long, and what it had in flight. */
export class ThreadDeaths {
  readonly #slot: number
  readonly #scoreboard: Scoreboard
  readonly #report: (error: SerializedError, thread: number) => void
  /** What a thread that is gone had in flight, in words. */
  readonly #lost = new WeakMap<WorkerThread, string>()

  constructor(
    slot: number,
    scoreboard: Scoreboard,
    report: (error: SerializedError, thread: number) => void,
  ) {
    this.#slot = slot
    this.#scoreboard = scoreboard
    this.#report = report
  }

  /** A thread is over, and its row in the scoreboard still says what it did. */
  noteLost(thread: WorkerThread): void {
    this.#lost.set(thread, this.#inFlightOf(thread))
  }

  /** Afterwards: reports what a thread died of that was ready. False if that was no death, but planned. */
  tell(thread: WorkerThread, error: unknown): boolean {
    const lost = this.#lost.get(thread)
    if (isCutOff(error)) {
      // Planned, if not by its clients: it is no death, and nothing is wrong with the next start.
      error.cause = new Error(`It had ${lost}`)
      this.#report(serializeError(error), thread.id)
      return false
    }
    this.#scoreboard.addToField(this.#slot, 'threadDeaths', 1)
    const lived = `after ${(livedMs(thread) / 1000).toFixed(1)} s, with ${lost}`
    const died = fail('FT_ERR_THREAD_DIED', [process.pid, thread.id, lived, why(error)], error)
    this.#report(serializeError(died), thread.id)
    return true
  }

  #inFlightOf({ id: thread, requests }: WorkerThread): string {
    const { inFlight } = this.#scoreboard.rows.read(this.#slot, thread)
    if (inFlight === 0) return 'nothing in flight'
    const last = this.#scoreboard.rows.readRequest(this.#slot, thread)
    const others = requests.filter((request) => request !== last).join(', ')
    const also = others === '' ? '' : `; also ${others}`
    return `${inFlight} in flight (${inFlight > 1 ? 'the last begun: ' : ''}${last}${also})`
  }
}

export function livedMs({ startedMs }: WorkerThread): number {
  return monotonicMs() - startedMs
}

function isCutOff(error: unknown): error is ForkthreadError {
  return error instanceof ForkthreadError && error.code === 'FT_ERR_DRAIN_TIMEOUT'
}

function why(error: unknown): string {
  // Where it was noticed says nothing.
  if (error instanceof ForkthreadError && error.code === 'FT_ERR_THREAD_EXIT') return error.message
  return userStack(error)
}
