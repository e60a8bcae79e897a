import type { Socket } from 'node:net'
import { monotonicMs } from '../sync/clock.js'
import { peekConnection } from '../sys/socket.js'
import { NO_TCP, sinceDataMs } from '../sys/tcp-info.js'
import { fdOf } from './served-socket.js'

const ARRIVAL = Symbol('arrival')

/** What this clock keeps on a socket: a map of sockets would be asked for each request of a kept connection in vain. */
interface ClockedSocket extends Socket {
  [ARRIVAL]?: Arrival | undefined
}

/** A connection whose first request is on its way through this thread. */
interface Arrival {
  /** Of the monotonic clock. */
  readonly takenAt: number
  /** What its first bytes have waited by then: -1 if there were none yet. */
  readonly waitedMs: number
}

/** What is known of a connection when it is taken. */
export interface Wait {
  /** How long its first bytes have waited: -1 if it has brought nothing. */
  readonly waitedMs: number
  /** Certainly; where the system does not tell, it may be TCP all the same. */
  readonly isTcp: boolean
}

/** Less is not worth asking the kernel, whose clock is no finer. */
const SHORT_MS = 2

/**
 * How long requests have waited, from their arrival in the kernel to now.
 *
 * Of TCP on Linux the kernel knows when the last bytes came. At the take that is what a new or a parked connection has waited in a
 * backlog, a mailbox or a queue; at the request it is also what one has waited on a connection that a blocked thread kept. A request
 * in several packets counts from its last one, so a slow client is no wait. Of a unix socket only the way inside the
 * process is known, from the take to the handler.
 */
export class QueueClock {
  readonly #isExact: boolean
  #lastMeasuredAt = 0
  #lastMs = 0
  /** Of the last connection that was asked about, when and from which listener it was taken. */
  #lastWait: Wait | undefined
  #lastTakenAt = 0
  #lastListener = -1

  /** To ask the kernel takes some microseconds. Where nothing hangs on it (not `isExact`), once in as long as its clock can't tell apart is enough. */
  constructor(isExact: boolean) {
    this.#isExact = isExact
  }

  /**
   * Of a connection that nobody has read from; `listener` is the number of its listener, -1 if it was parked.
   *
   * One that was taken right behind another one from the same backlog has waited no longer than that, give or take what the kernel's clock can't tell apart;
   * so if that was next to nothing, nothing is asked.
   */
  wait(fd: number, listener: number): Wait {
    if (this.#isExact) return askedWait(fd)
    const now = monotonicMs()
    const last = this.#lastWait
    const isNext = listener === this.#lastListener && now - this.#lastTakenAt < SHORT_MS
    if (isNext && last !== undefined) return last
    const wait = askedWait(fd)
    const isShared = wait.isTcp && listener >= 0 && wait.waitedMs >= 0 && wait.waitedMs <= SHORT_MS
    this.#lastWait = isShared ? wait : undefined
    this.#lastListener = listener
    this.#lastTakenAt = now
    return wait
  }

  /** A connection was taken, after so long a wait of its first bytes; -1 if it has brought none. */
  opened(socket: ClockedSocket, waitedMs: number): void {
    socket[ARRIVAL] = { takenAt: monotonicMs(), waitedMs }
  }

  /** A request has been read, and its handler is next, at `now` of the monotonic clock. With TLS, `socket` is the one below. */
  requested(socket: ClockedSocket, isCiphered: boolean, now: number): number {
    const arrival = socket[ARRIVAL]
    if (arrival === undefined) return Math.max(this.#measure(socket, now), 0)
    socket[ARRIVAL] = undefined
    const { takenAt, waitedMs } = arrival
    // What comes that soon behind the take has waited for nobody.
    if (waitedMs < 0) return now - takenAt < SHORT_MS ? 0 : Math.max(this.#measure(socket, now), 0)
    const totalMs = waitedMs + now - takenAt
    if (now - takenAt < SHORT_MS) return totalMs
    const sinceLastBytesMs = this.#measure(socket, now)
    if (sinceLastBytesMs < 0) return totalMs
    // What came first was the beginning of a handshake, and the round trips since then are no wait.
    if (isCiphered) return waitedMs + sinceLastBytesMs
    // The rest of the headers may have come later.
    return Math.min(totalMs, sinceLastBytesMs)
  }

  /** Requests that are read so soon after each other are mostly those that the same blocking handler has kept. */
  #measure(socket: ClockedSocket, now: number): number {
    if (!this.#isExact && now - this.#lastMeasuredAt < SHORT_MS) return this.#lastMs
    const fd = fdOf(socket)
    this.#lastMs = fd >= 0 ? sinceDataMs(fd) : -1
    this.#lastMeasuredAt = now
    return this.#lastMs
  }
}

function askedWait(fd: number): Wait {
  const sinceMs = sinceDataMs(fd)
  if (sinceMs !== NO_TCP) return { waitedMs: sinceMs, isTcp: true }
  return { waitedMs: peekConnection(fd) === 'bytes' ? 0 : -1, isTcp: false }
}
