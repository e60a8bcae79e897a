import type {
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { Server, Socket } from 'node:net'
import { monotonicMs } from '../sync/clock.js'
import type { AccessLog } from './access-log.js'
import type { Activity } from './activity.js'
import type { ThreadTerms } from './connections.js'
import { diagnostics } from './diagnostics.js'
import type { FrontDoor } from './front-door.js'
import type { RunningRequest } from './in-flight.js'
import type { RequestMeter } from './request-meter.js'
import { connectionOf, type ServedSocket } from './served-socket.js'
import { SessionFarewell } from './session-farewell.js'

/** Counts the requests of HTTP/2: each stream is one, from the server's 'stream' to its own 'close'. */
export class StreamWatch {
  readonly #activity: Activity
  readonly #frontDoor: FrontDoor
  readonly #accessLog: AccessLog | undefined
  readonly #meter: RequestMeter
  /** The oldest first. */
  readonly #running = new Set<RunningRequest>()
  readonly #idleMs: number
  /** With their open streams. */
  readonly #sessions = new Map<Http2Session, number>()
  /** The thread leaves: how each of them is asked to go. */
  #farewells: Map<Http2Session, SessionFarewell> | undefined

  /** A connection without a stream is closed after `idleMs`; 0 for never. */
  constructor(
    terms: Pick<ThreadTerms, 'activity' | 'accessLog' | 'frontDoor' | 'meter'>,
    idleMs: number,
  ) {
    this.#activity = terms.activity
    this.#frontDoor = terms.frontDoor
    this.#accessLog = terms.accessLog
    this.#meter = terms.meter
    this.#meter.watch(() => this.#running.values().next().value)
    this.#idleMs = idleMs
  }

  opened(session: ServerHttp2Session): void {
    this.#sessions.set(session, 0)
    session.once('close', () => {
      this.#sessions.delete(session)
      this.#farewells?.delete(session)
    })
    this.#farewells?.set(session, new SessionFarewell(session))
    // An app may set another one, and has this place then.
    if (this.#idleMs === 0) return
    session.setTimeout(this.#idleMs, () => {
      if (this.#sessions.get(session) === 0) session.close()
    })
  }

  /** A server emits a stream. */
  stream(server: Server, emit: Server['emit'], args: ArrayLike<unknown>): boolean {
    const stream = args[1] as ServerHttp2Stream
    const headers = args[2] as IncomingHttpHeaders
    const activity = this.#activity
    const { session } = stream
    const socket = session?.socket
    const connection = socket && connectionOf(underlying(socket))
    const token = connection ?? stream
    const method = String(headers[':method'])
    const url = headers[':path']
    const begunMs = activity.requestStarted(token, method, url)
    const running = { method, url, begunMs }
    this.#running.add(running)
    // It is gone when the stream is.
    const isSecure = session?.encrypted === true
    this.#count(session, 1)
    stream.once('close', () => {
      this.#count(session, -1)
      const nowMs = monotonicMs()
      const ms = nowMs - begunMs
      this.#accessLog?.streamEnded(stream, headers, begunMs, nowMs)
      this.#running.delete(running)
      this.#meter.streamEnded(stream, method, url, isSecure, ms)
      activity.requestEnded(nowMs)
      if (diagnostics.requestEnd.hasSubscribers) diagnostics.requestEnd.publish({ stream })
    })
    const farewell = session === undefined ? undefined : this.#farewells?.get(session)
    const serve = (): boolean => Reflect.apply(emit, server, args)
    try {
      if (
        connection !== undefined &&
        !this.#frontDoor.admitStream(stream, headers, connection, begunMs)
      )
        return true
      if (diagnostics.requestStart.hasSubscribers) {
        const { queueTimeMs } = stream as { readonly queueTimeMs?: number }
        diagnostics.requestStart.publish({ stream, headers, queueTimeMs })
      }
      return farewell === undefined ? serve() : farewell.stream(stream, serve)
    } finally {
      if (!stream.closed) activity.requestWaits()
    }
  }

  /** `GOAWAY`: clients begin no more streams on these connections, and those that they have finish. Also for connections to come. */
  close(): void {
    const sessions = [...this.#sessions.keys()]
    this.#farewells = new Map(sessions.map((session) => [session, new SessionFarewell(session)]))
  }

  #count(session: Http2Session | undefined, more: 1 | -1): void {
    const open = session === undefined ? undefined : this.#sessions.get(session)
    if (session !== undefined && open !== undefined) this.#sessions.set(session, open + more)
  }
}

/** A session shows its socket behind a proxy that lets nobody destroy it; as a key of a map only the socket itself will do. */
function underlying(socket: Socket): Socket {
  const { _handle: handle } = socket as ServedSocket
  return handle?._parentWrap ?? socket
}
