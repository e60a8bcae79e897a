import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { ROUTE, type RoutedRequest } from '../shared/route.js'
import type { Protocol, RequestKind, RequestSeriesTable } from '../sync/request-series.js'
import type { ThreadRows } from '../sync/thread-rows.js'
import type { InFlight, RunningRequest } from './in-flight.js'
import { RequestTally } from './request-tally.js'

/** What nginx says of a client that has gone before there was an answer. */
const CLIENT_GONE = 499
const SWITCHED = 101

/** Which requests are long, and where the names of their routes are noted, for who looks for what has blocked the thread. */
export interface SlowTerms {
  readonly thresholdMs: number
  readonly rows: ThreadRows
  readonly slot: number
  readonly thread: number
}

/**
 * How long the requests of this thread take: from their headers, which are parsed, to the close of their response. It is counted in memory that the
 * whole pool shares.
 */
export class RequestMeter {
  readonly #series: RequestSeriesTable
  readonly #tally: RequestTally
  readonly #inFlight: InFlight
  readonly #slow: SlowTerms

  constructor(series: RequestSeriesTable, inFlight: InFlight, slow: SlowTerms) {
    this.#series = series
    this.#tally = new RequestTally(series)
    this.#inFlight = inFlight
    this.#slow = slow
  }

  /** `look` finds the oldest request of a service. */
  watch(look: () => RunningRequest | undefined): void {
    this.#inFlight.watch(look)
  }

  /** Others see what has ended. */
  flush(): void {
    this.#tally.flush()
  }

  ended(response: ServerResponse, ms: number): void {
    const { req: request, headersSent, statusCode } = response
    this.#record(request, headersSent ? statusCode : CLIENT_GONE, ms)
  }

  /** A connection speaks something else from now on, or was refused that. */
  switched(request: IncomingMessage, ms: number): void {
    const status = request.socket.bytesWritten > 0 ? SWITCHED : CLIENT_GONE
    this.#record(request, status, ms)
  }

  /** A stream of HTTP/2 is closed. */
  streamEnded(
    stream: ServerHttp2Stream,
    method: string,
    target: string | undefined,
    isSecure: boolean,
    ms: number,
  ): void {
    const status = Number(stream.sentHeaders?.[':status'] ?? CLIENT_GONE)
    const { [ROUTE]: route } = stream as RoutedRequest
    const kind = { method, status, isSecure, protocol: '2', route } as const
    this.#took(kind, target, ms)
  }

  #record(request: IncomingMessage, status: number, ms: number): void {
    const { method = '', httpVersion, socket } = request
    const { [ROUTE]: route } = request as RoutedRequest
    const isSecure = (socket as Partial<TLSSocket>).encrypted === true
    const kind = { method, status, isSecure, protocol: protocolOf(httpVersion), route }
    this.#took(kind, (request as RoutedRequest).originalUrl ?? request.url, ms)
  }

  #took(kind: RequestKind, target = '', ms: number): void {
    this.#tally.record(kind, ms / 1000)
    const { method, route } = kind
    if (ms < this.#slow.thresholdMs || route === undefined) return
    const { rows, slot, thread } = this.#slow
    rows.writeSlowRoute(slot, thread, method, target, this.#series.routeNumber(route))
  }
}

function protocolOf(httpVersion: string): Protocol {
  return httpVersion === '1.1' || httpVersion === '1.0' ? httpVersion : '_OTHER'
}
