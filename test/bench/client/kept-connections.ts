import type { Socket } from 'node:net'
import type { Address } from '../peers/server.js'
import { exchangeAndKeep, open, type Reply } from './connection.js'

/** Connections that stay open and are used again and again. */
export class KeptConnections {
  readonly #nextAddress: () => Address
  readonly #idle: Socket[] = []
  readonly #all = new Set<Socket>()

  constructor(nextAddress: () => Address) {
    this.#nextAddress = nextAddress
  }

  /** Opens so many and has one request answered on each, so that the server knows them. */
  async fill(count: number, path: string): Promise<void> {
    const opener = async (): Promise<void> => {
      while (this.#all.size < count) {
        const socket = this.#open()
        const reply = await exchangeAndKeep(socket, path)
        if (reply.isReusable) this.#idle.push(socket)
        else socket.destroy()
      }
    }
    // Some at a time: all at once would be a test of backlogs.
    await Promise.all(Array.from({ length: 32 }, opener))
  }

  /** One request, on a random idle connection or else on a new one. */
  async request(path: string): Promise<Reply> {
    const socket = this.#take() ?? this.#open()
    const reply = await exchangeAndKeep(socket, path)
    if (reply.isReusable) this.#idle.push(socket)
    else socket.destroy()
    return reply
  }

  close(): void {
    for (const socket of this.#all) socket.destroy()
  }

  #open(): Socket {
    const socket = open(this.#nextAddress())
    // What ends an idle one is found out by its next request.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#all.delete(socket))
    this.#all.add(socket)
    return socket
  }

  /** Undefined when none is idle. */
  #take(): Socket | undefined {
    while (this.#idle.length > 0) {
      const at = Math.floor(Math.random() * this.#idle.length)
      const socket = this.#idle[at]
      const last = this.#idle.pop()
      if (last !== undefined && at < this.#idle.length) this.#idle[at] = last
      if (socket !== undefined && !socket.destroyed && !socket.readableEnded) return socket
    }
    return undefined
  }
}
