import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Responses that wait for an earlier one of their connection (pipelining). With its connection Node closes only the response whose
 * turn it is (20.20, lib/_http_server.js); those behind it would be in flight for ever.
 */
export class PipelinedResponses {
  /** In the order of their requests. */
  readonly #waiting = new WeakMap<Socket, Set<ServerResponse>>()

  add(socket: Socket, response: ServerResponse): void {
    let waiting = this.#waiting.get(socket)
    if (waiting === undefined) {
      waiting = new Set()
      this.#waiting.set(socket, waiting)
    }
    for (const earlier of waiting) {
      if (!earlier.closed) break
      waiting.delete(earlier)
    }
    waiting.add(response)
  }

  /** The one that comes last on this connection, if there are more to come than the response under way. */
  last(socket: Socket): ServerResponse | undefined {
    return this.#left(socket).at(-1)
  }

  closed(socket: Socket): void {
    for (const response of this.#left(socket)) response.destroy().emit('close')
  }

  /** A response whose turn has come is assigned the socket, and closed by Node. */
  #left(socket: Socket): ServerResponse[] {
    const waiting = this.#waiting.get(socket)
    if (waiting === undefined) return []
    return [...waiting].filter(({ socket, closed }) => socket === null && !closed)
  }
}
