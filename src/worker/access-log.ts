import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { AccessLogTerms } from '../shared/access-log.js'
import { wallClockMs } from '../sync/clock.js'
import { LineOutput } from '../sync/line-output.js'
import { PendingBytes } from '../sync/pending-bytes.js'
import { type LineFormat, type LoggedRequest, lineFormat, type Place } from './access-log-line.js'
import type { RequestNote } from './request-note.js'

/** What nginx says of a client that has gone before there was an answer. */
const CLIENT_GONE = 499

const COUNTED = Symbol('counted')

interface LoggedResponse extends ServerResponse {
  /** Node's own: the header as it was sent, and the length of the body that it announces. */
  readonly _header?: string | null
  readonly _contentLength?: number | null
  readonly _hasBody?: boolean
}

/** How many bytes its socket had written when the response before ended. */
interface CountedSocket extends Socket {
  [COUNTED]?: number
}

type Entry = { -readonly [Field in keyof LoggedRequest]: LoggedRequest[Field] }

/** By `queueTimeout` and its kin. */
interface Queued {
  readonly queueTimeMs?: number
}

/**
 * Logs the requests of this thread, in the order in which their responses end. A line costs a copy into memory that the thread's
 * process shares; it is written a moment later, with others.
 */
export class AccessLog {
  readonly #output: LineOutput
  readonly #format: LineFormat
  /** One for all lines: it is read at once. */
  readonly #entry: Entry = {
    ...{ at: 0, remote: '', method: '', url: '', protocol: '', status: 0, bytes: 0, durationMs: 0 },
    ...{ host: undefined, referer: undefined, agent: undefined, queueMs: undefined },
  }

  constructor(
    { format, terms, pending }: AccessLogTerms,
    place: Place,
    onLost: (lines: number, why: string) => void,
  ) {
    this.#format = lineFormat(format, place)
    this.#output = new LineOutput({
      terms,
      pending: new PendingBytes(pending),
      // A disk does not keep its writers waiting for long; a reader may, and requests come first.
      patienceMs: 0,
      onLost,
    })
  }

  /** `written` is what its connection has written in all, if that is known; `nowMs` is of the monotonic clock. */
  ended(
    response: ServerResponse,
    note: RequestNote,
    nowMs: number,
    written: number | undefined,
  ): void {
    const { req: request } = response
    const sent = bytesSince(request.socket, written)
    const isAnswered = response.headersSent
    const status = isAnswered ? response.statusCode : CLIENT_GONE
    this.#describe(note, request, status, isAnswered ? bodyBytes(response, sent) : 0)
    this.#write(note.begunMs, nowMs)
  }

  /** A connection that speaks something else from now on; its request ends with that. */
  switched(request: IncomingMessage, note: RequestNote, nowMs: number): void {
    const socket: CountedSocket = request.socket
    const bytes = socket.bytesWritten
    socket[COUNTED] = bytes
    // The app has written its answer by itself; one that it refuses is closed.
    this.#describe(note, request, bytes === 0 ? CLIENT_GONE : 101, bytes)
    this.#write(note.begunMs, nowMs)
  }

  /** A stream of HTTP/2 is closed. */
  streamEnded(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    begunMs: number,
    nowMs: number,
  ): void {
    const { sentHeaders, session } = stream
    const entry = this.#entry
    entry.remote = session?.socket?.remoteAddress ?? ''
    entry.method = String(headers[':method'])
    entry.url = String(headers[':path'])
    entry.protocol = 'HTTP/2.0'
    entry.host = headers[':authority'] ?? headers.host
    entry.referer = headers.referer
    entry.agent = headers['user-agent']
    entry.status = Number(sentHeaders?.[':status'] ?? CLIENT_GONE)
    entry.bytes = Number(sentHeaders?.['content-length'] ?? 0)
    entry.queueMs = (stream as Queued).queueTimeMs
    this.#write(begunMs, nowMs)
  }

  #describe(
    { method, url, remote }: RequestNote,
    request: IncomingMessage,
    status: number,
    bytes: number,
  ): void {
    const { rawHeaders, httpVersion } = request
    const entry = this.#entry
    entry.remote = remote
    entry.method = method
    entry.url = url
    entry.protocol = httpVersion === '1.1' ? 'HTTP/1.1' : `HTTP/${httpVersion}`
    noteHeaders(entry, rawHeaders)
    entry.status = status
    entry.bytes = bytes
    entry.queueMs = (request as Queued).queueTimeMs
  }

  #write(begunMs: number, nowMs: number): void {
    const entry = this.#entry
    entry.at = wallClockMs(nowMs)
    entry.durationMs = nowMs - begunMs
    this.#output.later(this.#format(entry))
  }
}

/**
 * `request.headers` is made of these when it is first asked for, which costs more than the rest of a line where the app does not need it. The first of
 * a name counts.
 */
function noteHeaders(entry: Entry, raw: readonly string[]): void {
  entry.host = undefined
  entry.referer = undefined
  entry.agent = undefined
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string
    // Nearly all are told apart by their length and first letter.
    switch (name.length) {
      case 'host'.length:
        if (isNamed(name, 'Host')) entry.host ??= raw[index + 1]
        break
      case 'referer'.length:
        if (isNamed(name, 'Referer')) entry.referer ??= raw[index + 1]
        break
      case 'user-agent'.length:
        if (isNamed(name, 'User-Agent')) entry.agent ??= raw[index + 1]
        break
    }
  }
}

const CASE_BIT = 0x20

/** `wanted` as nearly all clients write it. */
function isNamed(name: string, wanted: string): boolean {
  if (((name.charCodeAt(0) ^ wanted.charCodeAt(0)) & ~CASE_BIT) !== 0) return false
  return name === wanted || name.toLowerCase() === wanted.toLowerCase()
}

function bytesSince(socket: CountedSocket, bytesWritten = socket.bytesWritten): number {
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
