import type { Socket } from 'node:net'
import type { Activity } from './activity.js'
import {
  type ConnectionEvents,
  Connections,
  type SocketSettings,
  type ThreadTerms,
} from './connections.js'
import type { Service } from './service.js'

export interface RawOptions {
  readonly settings: SocketSettings
  readonly events?: Omit<ConnectionEvents, 'opened' | 'answer'>
  /** Calls the user's code. */
  readonly begin: (socket: Socket) => void
  /** The thread leaves. Only the user's code knows when a connection may end: it has until `drainTimeout`. */
  readonly leave?: () => void
}

/**
 * Raw connections: TCP, unix stream, or what is ciphered in TLS. What a request is only the user's code knows, so a connection counts as
 * one request in flight from the take until it is closed.
 */
export class RawConnections implements Service {
  readonly #connections: Connections
  readonly #activity: Activity
  readonly #options: RawOptions

  constructor(terms: ThreadTerms, options: RawOptions) {
    this.#activity = terms.activity
    this.#options = options
    this.#connections = new Connections(terms, options.settings, {
      ...options.events,
      opened: (socket) => this.#opened(socket),
      answer: 'none',
    })
  }

  serve(entry: number): void {
    this.#connections.open(entry)
  }

  async leave(): Promise<void> {
    this.#options.leave?.()
  }

  endsSoon(): void {}

  requests(): readonly string[] {
    return Array.from(this.#connections, () => 'a raw connection')
  }

  async drained(): Promise<void> {
    await this.#connections.closed()
  }

  #opened(socket: Socket): void {
    this.#activity.requestStarted(socket, 'a raw connection')
    socket.once('close', () => this.#activity.requestEnded())
    try {
      this.#options.begin(socket)
    } finally {
      if (!socket.destroyed) this.#activity.requestWaits()
    }
  }
}
