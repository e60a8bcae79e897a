import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What Node's servers keep on a socket beside its types; each is looked for and not relied upon (20 to 26 have them). */
export interface ServedSocket {
  /**
   * The response under way, null between two requests. While there is none, none is queued behind it either (lib/_http_server.js,
   * resOnFinish).
   */
  readonly _httpMessage?: ServerResponse | null
  /** Gone when another protocol was agreed upon. */
  readonly parser?: {
    /** The parser reads from the handle itself, so that nothing gets stuck between the two. */
    readonly _consumed?: unknown
  } | null
  /** Reading is held up because too much is to be written. */
  readonly _paused?: unknown
  /** Of a socket of TLS: the one below. */
  readonly _parent?: Socket | null
  readonly _handle?: SocketHandle | null
}

export interface SocketHandle {
  readonly fd?: unknown
  /** What the kernel has got. */
  readonly bytesWritten?: number
  /** Of a session of HTTP/2: its socket. */
  readonly _parentWrap?: Socket
}

/** The descriptor of a socket, -1 if it has none (any more). */
export function fdOf(socket: Socket): number {
  const fd = (socket as ServedSocket)._handle?.fd
  return typeof fd === 'number' ? fd : -1
}

/** Of a socket of TLS the one below it, else the socket itself. */
export function connectionOf(socket: Socket): Socket {
  return (socket as ServedSocket)._parent ?? socket
}
