import type { Socket } from 'node:net'
import type { ConnectionHandler } from '../handler.js'
import type { Activity } from './activity.js'
import { Connections, type ThreadTerms } from './connections.js'
import { isPromise } from './is-promise.js'
import type { ReportFailure, Service } from './service.js'

/** `setNoDelay` as in HTTP, where small writes are usual. A handler that needs half-open connections says so itself. */
const SETTINGS = { allowHalfOpen: false, noDelay: true } as const

/**
 * Raw connections: TCP or unix stream. What a request is only the handler knows, so a connection counts as
 * one request in flight from the take until it is closed.
 */
export class RawService implements Service {
  readonly #connections: Connections
  readonly #activity: Activity
  readonly #handle: ConnectionHandler
  readonly #report: ReportFailure

  constructor(handle: ConnectionHandler, terms: ThreadTerms, report: ReportFailure) {
    this.#handle = handle
    this.#activity = terms.activity
    this.#report = report
    this.#connections = new Connections(terms, SETTINGS, {
      opened: (socket) => this.#opened(socket),
    })
  }

  serve(entry: number): void {
    this.#connections.open(entry)
  }

  /** Only the handler knows when a raw connection may end: it has until `drainTimeout`. */
  async leave(): Promise<void> {}

  async drained(): Promise<void> {
    await this.#connections.closed()
  }

  #opened(socket: Socket): void {
    this.#activity.requestStarted(socket, 'a raw connection')
    socket.once('close', () => this.#activity.requestEnded())
    // A connection that breaks ends itself; without a listener its 'error' would end the whole thread.
    socket.on('error', () => socket.destroy())
    const failed = (error: unknown): void => {
      this.#activity.handlerFailed()
      this.#report(`a connection from ${peerOf(socket)}`, error)
      socket.destroy()
    }
    try {
      const result = this.#handle(socket)
      if (isPromise(result)) result.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
    if (!socket.destroyed) this.#activity.requestWaits()
  }
}

function peerOf(socket: Socket): string {
  return socket.remoteAddress === undefined
    ? 'a unix socket'
    : `${socket.remoteAddress}:${socket.remotePort}`
}
