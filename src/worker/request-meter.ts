import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { ROUTE } from '../shared/route.js'
import { monotonicMs } from '../sync/clock.js'
import type { Protocol, RequestSeriesTable } from '../sync/request-series.js'

/** What nginx says of a client that has gone before there was an answer. */
const CLIENT_GONE = 499
const SWITCHED = 101

const BEGUN = Symbol('begun')

interface MeteredResponse extends ServerResponse {
  [BEGUN]?: number
}

interface Routed {
  readonly [ROUTE]?: string
}

/**
 * How long the requests of this thread take: from their headers, which are parsed, to the close of their response. It is counted in memory that the
 * whole pool shares.
 */
export class RequestMeter {
  readonly #series: RequestSeriesTable

  constructor(series: RequestSeriesTable) {
    this.#series = series
  }

  /** `nowMs` of the monotonic clock. */
  begun(response: ServerResponse, nowMs: number): void {
    ;(response as MeteredResponse)[BEGUN] = nowMs
  }

  ended(response: ServerResponse): void {
    const { req: request, headersSent, statusCode } = response
    const begunMs = (response as MeteredResponse)[BEGUN] ?? monotonicMs()
    this.#record(request, headersSent ? statusCode : CLIENT_GONE, begunMs)
  }

  /** A connection speaks something else from now on, or was refused that. */
  switched(request: IncomingMessage, begunMs: number): void {
    this.#record(request, request.socket.bytesWritten > 0 ? SWITCHED : CLIENT_GONE, begunMs)
  }

  /** A stream of HTTP/2 is closed. */
  streamEnded(stream: ServerHttp2Stream, method: string, isSecure: boolean, begunMs: number): void {
    const status = Number(stream.sentHeaders?.[':status'] ?? CLIENT_GONE)
    const { [ROUTE]: route } = stream as Routed
    const kind = { method, status, isSecure, protocol: '2', route } as const
    this.#series.record(kind, (monotonicMs() - begunMs) / 1000)
  }

  #record(request: IncomingMessage, status: number, begunMs: number): void {
    const { method = '', httpVersion, socket } = request
    const { [ROUTE]: route } = request as Routed
    const isSecure = (socket as Partial<TLSSocket>).encrypted === true
    const kind = { method, status, isSecure, protocol: protocolOf(httpVersion), route }
    this.#series.record(kind, (monotonicMs() - begunMs) / 1000)
  }
}

function protocolOf(httpVersion: string): Protocol {
  return httpVersion === '1.1' || httpVersion === '1.0' ? httpVersion : '_OTHER'
}
