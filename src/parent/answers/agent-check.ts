import { createServer, type Server, type Socket } from 'node:net'
import type { Listener } from '../binding/listener.js'

/** Whoever asks has read its line by then. */
const PATIENCE_MS = 1000

/**
 * HAProxy's agent-check: speaks first, one line, and closes. In the parent, so it answers also while every thread is stuck. It needs an address of its own,
 * since a client of HTTP waits for the server to wait for it.
 */
export class AgentCheck {
  readonly #listener: Listener
  readonly #server: Server
  readonly #reply: () => string
  readonly #sockets = new Set<Socket>()

  constructor(listener: Listener, reply: () => string) {
    this.#listener = listener
    this.#reply = reply
    this.#server = createServer((socket) => this.#answer(socket))
    this.#server.listen({ fd: listener.fd })
    // The pool's end is what ends the process, not this.
    this.#server.unref()
  }

  /** Another process answers at the same address now. */
  handOver(): void {
    this.#server.close()
  }

  close(): void {
    this.#server.close()
    this.#listener.removePath()
    for (const socket of this.#sockets) socket.destroy()
  }

  #answer(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.setTimeout(PATIENCE_MS, () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
    socket.end(this.#reply())
    // HAProxy may send a line of its own (agent-send); unread it would make the close a reset.
    socket.resume()
  }
}
