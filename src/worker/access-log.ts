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

/** What is kept of a request until the end of the turn. */
interface Ended {
  readonly note: RequestNote
  /** Names and values in turn. */
  readonly headers: readonly (string | undefined)[]
  readonly protocol: string
  readonly status: number
  readonly bytes: number
  readonly nowMs: number
  readonly queueMs: number | undefined
}

/** By `queueTimeout` and its kin. */
interface Queued {
  readonly queueTimeMs?: number
}

/** Lines are handed over in pieces of about so many bytes. */
const PIECE_BYTES = 2 ** 13

/**
 * Logs the requests of this thread, in the order in which their responses end.
 *
 * At the end of a turn of the event loop its lines are made, all in one go: by then their code is in the processor's caches, which it is not
 * for one line between two requests. They go into memory that the thread's process shares, and are written a moment later, with others.
 */
export class AccessLog {
  readonly #output: LineOutput
  readonly #format: LineFormat
  /** In this turn. */
  #ended: Ended[] = []

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
    this.#note(note, request, status, isAnswered ? bodyBytes(response, sent) : 0, nowMs)
  }

  /** A connection that speaks something else from now on; its request ends with that. */
  switched(request: IncomingMessage, note: RequestNote, nowMs: number): void {
    const socket: CountedSocket = request.socket
    const bytes = socket.bytesWritten
    socket[COUNTED] = bytes
    // The app has written its answer by itself; one that it refuses is closed.
    this.#note(note, request, bytes === 0 ? CLIENT_GONE : 101, bytes, nowMs)
  }

  /** A stream of HTTP/2 is closed. */
  streamEnded(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    begunMs: number,
    nowMs: number,
  ): void {
    const { sentHeaders, session } = stream
    const { referer, 'user-agent': agent } = headers
    const host = headers[':authority'] ?? headers.host
    this.#ended.push({
      note: {
        method: String(headers[':method']),
        url: String(headers[':path']),
        remote: session?.socket?.remoteAddress ?? '',
        begunMs,
        watcher: undefined,
      },
      headers: ['Host', host, 'Referer', referer, 'User-Agent', agent],
      protocol: '2.0',
      status: Number(sentHeaders?.[':status'] ?? CLIENT_GONE),
      bytes: Number(sentHeaders?.['content-length'] ?? 0),
      nowMs,
      queueMs: (stream as Queued).queueTimeMs,
    })
  }

  #note(
    note: RequestNote,
    request: IncomingMessage,
    status: number,
    bytes: number,
    nowMs: number,
  ): void {
    const { rawHeaders: headers, httpVersion: protocol } = request
    const { queueTimeMs: queueMs } = request as Queued
    this.#ended.push({ note, headers, protocol, status, bytes, nowMs, queueMs })
  }

  /** To be called at the end of each turn in which anything has ended, and before a handler that may block the thread. */
  flush(): void {
    const ended = this.#ended
    if (ended.length === 0) return
    this.#ended = []
    let lines = ''
    for (const request of ended) {
      lines += this.#format(logged(request))
      if (lines.length < PIECE_BYTES) continue
      this.#output.later(lines)
      lines = ''
    }
    if (lines !== '') this.#output.later(lines)
  }
}

/**
 * `request.headers` is made of the raw ones when it is first asked for, which costs more than the rest of a line where the app does not need it. The
 * first of a name counts.
 */
function logged(ended: Ended): LoggedRequest {
  const { note, headers, nowMs, status, bytes, queueMs } = ended
  let host: string | undefined
  let referer: string | undefined
  let agent: string | undefined
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string
    // Nearly all are told apart by their length and first letter.
    switch (name.length) {
      case 'host'.length:
        if (isNamed(name, 'Host')) host ??= headers[index + 1]
        break
      case 'referer'.length:
        if (isNamed(name, 'Referer')) referer ??= headers[index + 1]
        break
      case 'user-agent'.length:
        if (isNamed(name, 'User-Agent')) agent ??= headers[index + 1]
        break
    }
  }
  const { method, url, remote, begunMs } = note
  const at = wallClockMs(nowMs)
  const protocol = ended.protocol === '1.1' ? 'HTTP/1.1' : `HTTP/${ended.protocol}`
  const durationMs = nowMs - begunMs
  return {
    at,
    remote,
    method,
    url,
    protocol,
    host,
    referer,
    agent,
    status,
    bytes,
    durationMs,
    queueMs,
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
