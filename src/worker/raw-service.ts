import type { Socket } from 'node:net'
import type { ConnectionHandler } from '../handler.js'
import type { Activity } from './activity.js'
import type { ThreadTerms } from './connections.js'
import { isPromise } from './is-promise.js'
import { RawConnections } from './raw-connections.js'
import type { ReportFailure, Service } from './service.js'

/** `setNoDelay` as in HTTP, where small writes are usual. A handler that needs half-open connections says so itself. */
const SETTINGS = { allowHalfOpen: false, noDelay: true } as const

/** Raw connections in clear, for a handler of them. */
export function rawService(
  handle: ConnectionHandler,
  terms: ThreadTerms,
  report: ReportFailure,
): Service {
  const begin = beginRaw(handle, terms.activity, report)
  return new RawConnections(terms, { settings: SETTINGS, begin })
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
