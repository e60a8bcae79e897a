import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { OverloadTerms } from '../shared/terms.js'
import { refusalOf, refuse, retryAfterSeconds } from '../sync/early-refusal.js'
import { isResumed, listenerOf } from '../sync/entry.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { diagnostics } from './diagnostics.js'
import { QueueClock, type Wait } from './queue-clock.js'
import { sinceRequestStartMs } from './request-start.js'

/** How long a client that is turned away has for reading the answer. */
const GOODBYE_MS = 1000

/** What can be answered before a request was parsed: 503, or, where the pool would have to cipher or does not know the protocol, nothing. */
export type Answer = 'http' | 'none'

/**
 * Who gets in, and how long it has waited until then. What has waited for longer than `queueTimeout`, and what comes beyond
 * `maxConnections`, is turned away before any code of the user runs.
 */
export class FrontDoor {
  readonly #slot: number
  readonly #thread: number
  readonly #terms: OverloadTerms
  readonly #scoreboard: Scoreboard
  readonly #clock: QueueClock
  readonly #refusal: Buffer
  readonly #retryAfter: string

  constructor(slot: number, thread: number, terms: OverloadTerms, scoreboard: Scoreboard) {
    this.#slot = slot
    this.#thread = thread
    this.#terms = terms
    this.#scoreboard = scoreboard
    // `maxConnections` answers those of which there are bytes.
    this.#clock = new QueueClock(terms.queueTimeout > 0 || terms.maxConnections > 0)
    this.#refusal = refusalOf(terms.queueTimeout)
    this.#retryAfter = String(retryAfterSeconds(terms.queueTimeout))
  }

  /**
   * What a connection has waited that was just taken. `undefined` if it was turned away; its descriptor is closed then.
   */
  admit(entry: number, fd: number, answer: Answer): Wait | undefined {
    const wait = this.#clock.wait(fd, listenerOf(entry))
    const { waitedMs } = wait
    const { queueTimeout, maxConnections } = this.#terms
    const isLate = queueTimeout > 0 && waitedMs > queueTimeout
    // One that was parked counts already. Without a byte nothing can be answered yet: see `opened`.
    const isTooMuch =
      maxConnections > 0 &&
      waitedMs >= 0 &&
      !isResumed(entry) &&
      this.#scoreboard.connections >= maxConnections
    if (!isLate && !isTooMuch) return wait
    this.#count()
    if (answer === 'http') refuse(fd, this.#refusal)
    else closeDescriptor(fd)
    return undefined
  }

  /**
   * A connection is open, and counts. False if it is one too many: two threads that were let in for the last place count both, so
   * at least one of them sees the other.
   */
  opened(socket: Socket, entry: number, waitedMs: number, answer: Answer): boolean {
    this.#clock.opened(socket, waitedMs)
    const { maxConnections } = this.#terms
    if (maxConnections === 0 || isResumed(entry)) return true
    if (this.#scoreboard.connections <= maxConnections) return true
    this.#count()
    if (answer === 'none') socket.destroy()
    else this.#sayGoodbye(socket)
    return false
  }

  /** A request is about to reach its handler, at `nowMs` of the monotonic clock. False if it has waited too long, and is answered. */
  admitRequest(
    request: IncomingMessage,
    response: ServerResponse,
    below: Socket,
    nowMs: number,
  ): boolean {
    const queueTimeMs = this.#queueTimeMs(request, below, nowMs)
    if (queueTimeMs === undefined) {
      tellRefused({ request })
      response.writeHead(503, { 'Retry-After': this.#retryAfter, 'Content-Length': 0 })
      response.end()
      return false
    }
    const { queueTimeHeader } = this.#terms
    if (queueTimeHeader === 'x-queue-time') response.setHeader('X-Queue-Time', queueTimeMs)
    if (queueTimeHeader === 'server-timing')
      response.setHeader('Server-Timing', `queue;dur=${queueTimeMs}`)
    return true
  }

  /** The same for a request that wants another protocol. */
  admitUpgrade(request: IncomingMessage, socket: Duplex, below: Socket, nowMs: number): boolean {
    if (this.#queueTimeMs(request, below, nowMs) !== undefined) return true
    tellRefused({ request })
    socket.on('error', () => socket.destroy())
    socket.end(this.#refusal)
    return false
  }

  /** The same for a stream of HTTP/2. */
  admitStream(
    stream: ServerHttp2Stream,
    headers: IncomingMessage['headers'],
    below: Socket,
    nowMs: number,
  ): boolean {
    const queueTimeMs = this.#admitAfter({ headers }, below, true, nowMs)
    if (queueTimeMs === undefined) {
      tellRefused({ stream })
      stream.respond({ ':status': 503, 'retry-after': this.#retryAfter }, { endStream: true })
      return false
    }
    Object.assign(stream, { queueTimeMs })
    return true
  }

  #queueTimeMs(request: IncomingMessage, below: Socket, nowMs: number): number | undefined {
    const queueTimeMs = this.#admitAfter(request, below, request.socket !== below, nowMs)
    request.queueTimeMs = queueTimeMs
    return queueTimeMs
  }

  /** What it has waited in ms, if that is not too long. Its headers are looked at only if they count: Node makes them when they are first asked for. */
  #admitAfter(
    request: Pick<IncomingMessage, 'headers'>,
    below: Socket,
    isCiphered: boolean,
    nowMs: number,
  ): number | undefined {
    const { queueTimeout, trustRequestStart } = this.#terms
    const here = this.#clock.requested(below, isCiphered, nowMs)
    const told = trustRequestStart ? sinceRequestStartMs(request.headers, Date.now()) : undefined
    const waitedMs = Math.round((told ?? here) * 10) / 10
    if (queueTimeout > 0 && waitedMs > queueTimeout) {
      this.#count()
      return undefined
    }
    this.#scoreboard.queueTimes.record(this.#slot, this.#thread, waitedMs)
    return waitedMs
  }

  /** To a client that may still be sending. */
  #sayGoodbye(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    socket.end(this.#refusal)
    socket.resume()
    const late = setTimeout(() => socket.destroy(), GOODBYE_MS)
    socket.once('close', () => clearTimeout(late))
  }

  #count(): void {
    this.#scoreboard.addToField(this.#slot, 'refused', 1)
  }
}

function tellRefused(what: object): void {
  if (diagnostics.requestRefused.hasSubscribers) diagnostics.requestRefused.publish(what)
}
