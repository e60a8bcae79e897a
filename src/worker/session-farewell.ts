import { AsyncResource } from 'node:async_hooks'
import type { Http2Session, ServerHttp2Stream } from 'node:http2'

/** A client that has sent nothing for so long has nothing on its way, or is told that it was not served. */
const QUIET_MS = 100
/** A client that does not answer a PING for so long is not waited for. */
const ROUND_TRIP_MS = 1000

/** Of the first GOAWAY: whatever is on its way will be served (RFC 9113, 6.8). */
const LAST_STREAM = 2 ** 31 - 1

/**
 * How a connection of HTTP/2 is asked to go, so that no request of its client is lost.
 *
 *     waits ── quiet for a moment ──────────────────────────► closes
 *       └───── a stream comes ──► holds ── the PING is answered ──┘
 *
 * A single GOAWAY that names the last stream would refuse those that are on their way. Clients may repeat them, and not all do. So
 * there are two: the first refuses nothing, and a PING behind it; when that is answered, all that the client had sent
 * before it knew has been read, and the second GOAWAY (Node's `close`) names the last stream.
 *
 * Between the two one stream must be open: nghttp2 reads no more from a session that has sent GOAWAY and has none. Hence the first is sent
 * only when a stream has come, and this stream is held until the second: it waits for one round trip.
 */
export class SessionFarewell {
  readonly #session: Http2Session
  #state: 'waits' | 'holds' | 'closes' = 'waits'
  readonly #timer: NodeJS.Timeout
  #lastLook: NodeJS.Immediate | undefined

  constructor(session: Http2Session) {
    this.#session = session
    // A thread that had no processor is late, and may not have read yet what came in time: timers are before reading, and this is behind it.
    this.#timer = setTimeout(() => {
      this.#lastLook = setImmediate(() => this.#close())
    }, QUIET_MS)
    session.once('close', () => this.#waitNoMore())
  }

  /** A stream has come: `serve` is called now, or a moment later. */
  stream(stream: ServerHttp2Stream, serve: () => boolean): boolean {
    if (this.#state !== 'waits') return serve()
    this.#state = 'holds'
    this.#waitNoMore()
    // Nobody else listens yet.
    const ignore = (): void => undefined
    stream.on('error', ignore)
    const go = AsyncResource.bind((): void => {
      if (this.#state === 'closes') return
      stream.off('error', ignore)
      // The stream counts as processed before the second GOAWAY names the last one.
      if (!stream.destroyed) serve()
      clearTimeout(late)
      this.#close()
    })
    const late = setTimeout(go, ROUND_TRIP_MS)
    this.#session.once('close', () => clearTimeout(late))
    try {
      this.#session.goaway(0, LAST_STREAM)
      if (!this.#session.ping(go)) go()
    } catch {
      // It has just been closed by somebody else.
      go()
    }
    return true
  }

  #waitNoMore(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#lastLook)
  }

  #close(): void {
    this.#state = 'closes'
    this.#session.close()
  }
}
