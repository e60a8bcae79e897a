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
  /** What it has waited by then. */
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

  /** To ask the kernel takes some microseconds. Where nothing hangs on it (not `isExact`), once in as long as its clock can't tell apart is enough. */
  constructor(isExact: boolean) {
    this.#isExact = isExact
  }

  /** Of a connection that nobody has read from. */
  wait(fd: number): Wait {
    const sinceMs = sinceDataMs(fd)
    const isTcp = sinceMs !== NO_TCP
    if (sinceMs >= 0) return { waitedMs: sinceMs, isTcp }
    return { waitedMs: peekConnection(fd) === 'bytes' ? 0 : -1, isTcp }
  }

  /** A connection was taken, after so long a wait of its first bytes, which are there. */
  opened(socket: ClockedSocket, waitedMs: number): void {
    socket[ARRIVAL] = { takenAt: monotonicMs(), waitedMs }
  }

  /** A request has been read, and its handler is next, at `now` of the monotonic clock. With TLS, `socket` is the one below. */
  requested(socket: ClockedSocket, isCiphered: boolean, now: number): number {
    const arrival = socket[ARRIVAL]
    if (arrival === undefined) return Math.max(this.#measure(socket, now), 0)
    socket[ARRIVAL] = undefined
    const { takenAt, waitedMs } = arrival
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
