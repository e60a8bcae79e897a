import type { Server, Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import {
  blocksConnection,
  countAccepted,
  dropsConnection,
  publishAccepted,
} from './accepted-socket.js'
import type { Activity } from './activity.js'
import { Connections, type ThreadTerms } from './connections.js'
import type { ServedSocket } from './served-socket.js'
import type { Service } from './service.js'

/**
 * Connections of a `net` or `tls` server that an app has made. What a request is only the app knows, so a connection counts as one
 * request in flight from the take until it is closed.
 */
export class SocketService implements Service {
  readonly #server: Server
  readonly #activity: Activity
  readonly #connections: Connections
  /** With TLS: those whose handshake is not done. */
  readonly #unfinished = new Set<Socket>()

  constructor(server: Server, terms: ThreadTerms) {
    this.#server = server
    this.#activity = terms.activity
    this.#connections = new Connections(terms, server as object, {
      opened: (socket) => this.#opened(socket),
      answer: 'none',
      closed: (socket) => this.#unfinished.delete(socket),
      refuses: (socket) => dropsConnection(server, socket),
      blocks: (socket) => blocksConnection(server, socket),
    })
    if (server instanceof TlsServer) this.#watchHandshakes(server.emit)
  }

  serve(entry: number): void {
    this.#connections.open(entry)
  }

  /** Only the app knows when a connection may end, but one without a handshake is none yet. */
  async leave(): Promise<void> {
    for (const socket of this.#unfinished) socket.destroy()
  }

  endsSoon(): void {}

  requests(): readonly string[] {
    return Array.from(this.#connections, () => 'a raw connection')
  }

  async drained(): Promise<void> {
    await this.#connections.closed()
  }

  #opened(socket: Socket): void {
    const server = this.#server
    this.#activity.requestStarted(socket, 'a raw connection')
    socket.once('close', () => this.#activity.requestEnded())
    countAccepted(server, socket)
    if (server instanceof TlsServer) this.#unfinished.add(socket)
    try {
      server.emit('connection', socket)
    } finally {
      if (!socket.destroyed) this.#activity.requestWaits()
    }
    publishAccepted(socket)
  }

  #watchHandshakes(emit: Server['emit']): void {
    const unfinished = this.#unfinished
    this.#server.emit = function (this: Server, name: string, ...args: unknown[]): boolean {
      if (name === 'secureConnection') {
        const { _parent: below } = args[0] as ServedSocket
        if (below) unfinished.delete(below)
      }
      return Reflect.apply(emit, this, [name, ...args])
    } as Server['emit']
  }
}
