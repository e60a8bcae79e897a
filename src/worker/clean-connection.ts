import type { Socket } from 'node:net'

/** What Node's HTTP server keeps on a socket beside its types; each is looked for and not relied upon (20 to 26 have them). */
interface ServedSocket {
  /** The response under way. While there is none, none is queued behind it either (lib/_http_server.js, resOnFinish). */
  readonly _httpMessage?: unknown
  /** Reading is held up because too much is to be written. */
  readonly _paused?: unknown
  readonly _handle?: { readonly fd?: unknown } | null
  readonly parser?: {
    /** The parser reads from the handle itself, so that nothing gets stuck between the two. */
    readonly _consumed?: unknown
    /** How long the current message has taken; 0 between two messages. */
    readonly duration?: unknown
  } | null
}

/**
 * The descriptor of a connection that is idle and provably clean: every byte that was read belongs to a request that has
 * been answered. -1 if there is any doubt.
 *
 * The parser has seen the end of the last message, and not one byte of the next: it notes the time when a message begins,
 * at its first byte, and 0 at its end (src/node_http_parser.cc, on_message_begin and on_message_complete). Empty lines
 * between messages are skipped by a new parser as by the old one.
 *
 * This may be asked from a callback of the parser, in the middle of what it has read (a body's callback runs what
 * `process.nextTick` has queued), but then only if the last request is `complete`: in a body or in headers the time is
 * set; with the trailers it is 0 already, but the request is not complete yet; from there to the next message's
 * first byte no callback runs.
 */
export function cleanDescriptor(socket: Socket): number {
  const { _httpMessage, _paused, _handle, parser } = socket as Socket & ServedSocket
  if (_httpMessage !== null || _paused !== false) return -1
  if (socket.destroyed || socket.readableEnded || !socket.readable || !socket.writable) return -1
  if (socket.readableLength !== 0 || socket.writableLength !== 0) return -1
  if (parser?._consumed !== true || typeof parser.duration !== 'function') return -1
  if (parser.duration() !== 0) return -1
  const fd = _handle?.fd
  return typeof fd === 'number' ? fd : -1
}

/** How many listeners a socket has. More than Node's own would miss the rest of the connection if it were parked. */
export function countListeners(socket: Socket): number {
  let count = 0
  for (const name of socket.eventNames()) count += socket.listenerCount(name)
  return count
}
