import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { AccessLogTerms } from '../shared/access-log.js'
import { LineOutput } from '../sync/line-output.js'
import { PendingBytes } from '../sync/pending-bytes.js'
import { type LoggedRequest, lineFor, type Place } from './access-log-line.js'

/** What nginx says of a client that has gone before there was an answer. */
const CLIENT_GONE = 499

const BEGUN = Symbol('begun')
const COUNTED = Symbol('counted')

/** What is noted when a request begins: later, middleware may have changed the URL, and the socket may be closed. */
interface Begun {
  readonly at: number
  readonly method: string
  readonly url: string
  readonly remote: string
}

interface LoggedResponse extends ServerResponse {
  [BEGUN]?: Begun
  /** Node's own: the header as it was sent, and the length of the body that it announces. */
  readonly _header?: string | null
  readonly _contentLength?: number | null
  readonly _hasBody?: boolean
}

/** How many bytes its socket had written when the response before ended. */
interface CountedSocket extends Socket {
  [COUNTED]?: number
}

/** By `queueTimeout` and its kin. */
interface Queued {
  readonly queueTimeMs?: number
}

/**
 * Logs the requests of this thread, in the order in which their responses end. A line costs a copy into memory that the thread's
 * process shares; it is written a moment later, with others.
 */
export class AccessLog {
  readonly #place: Place
  readonly #output: LineOutput
  readonly #line: (request: LoggedRequest, place: Place) => string

  constructor(
    { format, terms, pending }: AccessLogTerms,
    place: Place,
    onLost: (lines: number, why: string) => void,
  ) {
    this.#place = place
    this.#line = lineFor(format)
    this.#output = new LineOutput({
      terms,
      pending: new PendingBytes(pending),
      // A disk does not keep its writers waiting for long; a reader may, and requests come first.
      patienceMs: 0,
      onLost,
    })
  }

  begun(request: IncomingMessage, response: ServerResponse): void {
    const logged: LoggedResponse = response
    logged[BEGUN] = begin(request)
  }

  ended(response: ServerResponse): void {
    const logged: LoggedResponse = response
    const begun = logged[BEGUN]
    if (begun === undefined) return
    const { req: request } = response
    const sent = bytesSince(request.socket)
    const isAnswered = response.headersSent
    const status = isAnswered ? response.statusCode : CLIENT_GONE
    this.#write(begun, request, status, isAnswered ? bodyBytes(logged, sent) : 0)
  }

  /** A connection that speaks something else from now on; its request, begun at `at`, ends with that. */
  switched(request: IncomingMessage, at: number): void {
    const socket: CountedSocket = request.socket
    const bytes = socket.bytesWritten
    socket[COUNTED] = bytes
    const { method, url, remote } = begin(request)
    // The app has written its answer by itself; one that it refuses is closed.
    this.#write({ at, method, url, remote }, request, bytes === 0 ? CLIENT_GONE : 101, bytes)
  }

  /** A stream of HTTP/2 that began at `at` is closed. */
  streamEnded(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, at: number): void {
    const { sentHeaders, session } = stream
    const line = this.#line(
      {
        remote: session?.socket?.remoteAddress ?? '',
        method: String(headers[':method']),
        url: String(headers[':path']),
        protocol: 'HTTP/2.0',
        host: headers[':authority'] ?? headers.host,
        referer: headers.referer,
        agent: headers['user-agent'],
        status: Number(sentHeaders?.[':status'] ?? CLIENT_GONE),
        bytes: Number(sentHeaders?.['content-length'] ?? 0),
        durationMs: performance.now() - at,
        queueMs: (stream as Queued).queueTimeMs,
      },
      this.#place,
    )
    this.#output.later(line)
  }

  #write(
    { at, method, url, remote }: Begun,
    request: IncomingMessage,
    status: number,
    bytes: number,
  ): void {
    const { rawHeaders, httpVersion } = request
    // Field by field: spreading objects was more than half of what a line cost.
    const line = this.#line(
      {
        remote,
        method,
        url,
        protocol: httpVersion === '1.1' ? 'HTTP/1.1' : `HTTP/${httpVersion}`,
        host: headerIn(rawHeaders, 'host'),
        referer: headerIn(rawHeaders, 'referer'),
        agent: headerIn(rawHeaders, 'user-agent'),
        status,
        bytes,
        durationMs: performance.now() - at,
        queueMs: (request as Queued).queueTimeMs,
      },
      this.#place,
    )
    this.#output.later(line)
  }
}

/** `request.headers` is made of these when it is first asked for, which costs more than the rest of a line where the app does not need it. */
function headerIn(raw: readonly string[], name: string): string | undefined {
  for (let index = 0; index < raw.length; index += 2) {
    const found = raw[index] ?? ''
    if (found.length === name.length && (found === name || found.toLowerCase() === name))
      return raw[index + 1]
  }
  return undefined
}

function begin(request: IncomingMessage): Begun {
  return {
    at: performance.now(),
    method: request.method ?? '',
    url: request.url ?? '',
    remote: request.socket.remoteAddress ?? '',
  }
}

function bytesSince(socket: CountedSocket): number {
  const { bytesWritten } = socket
  const sent = bytesWritten - (socket[COUNTED] ?? 0)
  socket[COUNTED] = bytesWritten
  return sent
}

/** Of a body whose length was not announced, its bytes with the frames of its chunks; of one that was broken off, what was sent. */
function bodyBytes(response: LoggedResponse, sent: number): number {
  if (response._hasBody === false) return 0
  const { _contentLength: announced } = response
  if (response.writableFinished && typeof announced === 'number') return announced
  return Math.max(sent - (response._header?.length ?? 0), 0)
}
