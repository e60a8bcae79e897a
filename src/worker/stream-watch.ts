import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Activity } from './activity.js'

/** Counts the requests of HTTP/2: each stream is one, from the server's 'stream' to its own 'close'. */
export class StreamWatch {
  readonly #activity: Activity
  readonly #connectionOf: (socket: Socket) => Socket
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(activity: Activity, connectionOf: (socket: Socket) => Socket) {
    this.#activity = activity
    this.#connectionOf = connectionOf
  }

  opened(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
  }

  /** A server emits a stream. */
  stream(server: Server, emit: Server['emit'], args: ArrayLike<unknown>): boolean {
    const stream = args[1] as ServerHttp2Stream
    const headers = args[2] as IncomingHttpHeaders
    const activity = this.#activity
    const socket = stream.session?.socket
    const token = socket === undefined ? stream : this.#connectionOf(underlying(socket))
    activity.requestStarted(token, `${headers[':method']} ${headers[':path']}`)
    stream.once('close', () => activity.requestEnded())
    try {
      return Reflect.apply(emit, server, args)
    } finally {
      if (!stream.closed) activity.requestWaits()
    }
  }

  /** `GOAWAY`: clients begin no more streams on these connections, and those that they have finish. */
  close(): void {
    for (const session of this.#sessions) session.close()
  }
}

/** A session shows its socket behind a proxy that lets nobody destroy it; as a key of a map only the socket itself will do. */
function underlying(socket: Socket): Socket {
  const { _handle: handle } = socket as { readonly _handle?: { readonly _parentWrap?: Socket } }
  return handle?._parentWrap ?? socket
}
