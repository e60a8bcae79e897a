import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { fdOf, type ServedSocket } from './served-socket.js'

/** Node's own list of connections, for its time-outs: which parsers are in the middle of a message. */
interface ConnectionsList {
  readonly active?: unknown
}

/**
 * Finds connections that are idle and provably clean: every byte that was read belongs to a request that has been answered.
 *
 * Whether the parser has seen the end of the last message, and not one byte of the next, Node's list of active parsers
 * tells: a parser is put in at the beginning, and at the first byte of each message, and taken out at its end
 * (src/node_http_parser.cc, Initialize, on_message_begin, on_message_complete). Node 20 to 26 have it; a parser's
 * own `duration()` went away with Node 22. Empty lines between messages are skipped by a new parser as by the old one.
 */
export class CleanConnections {
  readonly #server: Server
  /** Undefined until a connection has shown that this Node keeps the list. */
  #active: (() => readonly unknown[]) | undefined

  constructor(server: Server) {
    this.#server = server
  }

  /** To be called with each new connection: its parser is in the list, or the list is not what it was. */
  learn(socket: Socket): void {
    if (this.#active !== undefined) return
    const symbol = Object.getOwnPropertySymbols(this.#server).find(
      ({ description }) => description === 'http.server.connections',
    )
    if (symbol === undefined) return
    const list = (this.#server as unknown as Record<symbol, ConnectionsList | undefined>)[symbol]
    const method = list?.active
    if (typeof method !== 'function') return
    const active = (): readonly unknown[] => method.call(list)
    const { parser } = socket as ServedSocket
    if (active().includes(parser)) this.#active = active
  }

  /**
   * The descriptor of a clean connection, -1 if there is any doubt.
   *
   * This may be asked from a callback of the parser, in the middle of what it has read (a body's callback runs what
   * `process.nextTick` has queued), but then only if the last request is `complete`: with headers or body the parser is
   * active; with the trailers it is not any more, but the request is not complete yet; from there to
   * the next message's first byte no callback runs.
   */
  descriptor(socket: Socket): number {
    const { _httpMessage, parser } = socket as ServedSocket
    if (_httpMessage !== null || this.#active === undefined) return -1
    return this.#active().includes(parser) ? -1 : openDescriptor(socket)
  }

  /** The same of one that has not brought a byte yet: its parser is as good as a new one. */
  unusedDescriptor(socket: Socket): number {
    return socket.bytesRead === 0 ? openDescriptor(socket) : -1
  }
}

function openDescriptor(socket: Socket): number {
  const { _paused, parser } = socket as ServedSocket
  if (_paused !== false || parser?._consumed !== true) return -1
  if (socket.destroyed || socket.readableEnded || !socket.readable || !socket.writable) return -1
  if (socket.readableLength !== 0 || socket.writableLength !== 0) return -1
  return fdOf(socket)
}

/** How many listeners a socket has. More than Node's own would miss the rest of the connection if it were parked. */
export function countListeners(socket: Socket): number {
  let count = 0
  for (const name of socket.eventNames()) count += socket.listenerCount(name)
  return count
}
