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
  readonly #begin: (socket: Socket) => void

  constructor(handle: ConnectionHandler, terms: ThreadTerms, report: ReportFailure) {
    this.#activity = terms.activity
    this.#begin = beginRaw(handle, terms.activity, report)
    this.#connections = new Connections(terms, SETTINGS, {
      opened: (socket) => this.#opened(socket),
      answer: 'none',
    })
  }

  serve(entry: number): void {
    this.#connections.open(entry)
  }

  /** Only the handler knows when a raw connection may end: it has until `drainTimeout`. */
  async leave(): Promise<void> {}

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
    this.#begin(socket)
    if (!socket.destroyed) this.#activity.requestWaits()
  }
}

/** Calls the handler of raw connections, which has failed when it throws or rejects. */
export function beginRaw(
  handle: ConnectionHandler,
  activity: Activity,
  report: ReportFailure,
): (socket: Socket) => void {
  return (socket) => {
    // A connection that breaks ends itself; without a listener its 'error' would end the whole thread.
    socket.on('error', () => socket.destroy())
    const failed = (error: unknown): void => {
      activity.handlerFailed()
      report(`a connection from ${peerOf(socket)}`, error)
      socket.destroy()
    }
    try {
      const result = handle(socket)
      if (isPromise(result)) result.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
  }
}

function peerOf(socket: Socket): string {
  return socket.remoteAddress === undefined
    ? 'a unix socket'
    : `${socket.remoteAddress}:${socket.remotePort}`
}
