import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { monotonicMs } from '../sync/clock.js'
import type { AccessLog } from './access-log.js'
import type { Activity } from './activity.js'
import { noteShapes } from './compiled-shapes.js'
import { diagnostics } from './diagnostics.js'
import type { FrontDoor } from './front-door.js'
import type { RequestMeter } from './request-meter.js'
import {
  attachNote,
  noteOf,
  noteRequest,
  type RequestNote,
  type ResponseWatcher,
} from './request-note.js'
import { watchEvents } from './response-events.js'
import { connectionOf, type ServedSocket } from './served-socket.js'

type Emit = Server['emit']

/** Serves an upgrade; the request lasts until the promise resolves, if there is one. Fails never. */
export type WatchedUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
) => PromiseLike<void> | undefined

export interface RequestEvents {
  /** Knows for how long a request has waited, and turns away what has waited too long. */
  readonly frontDoor: FrontDoor
  /** The handler is about to run. */
  readonly begun: (request: IncomingMessage, response: ServerResponse) => void
  /** Its end is not yet counted. */
  readonly closing: (response: ServerResponse) => void
  readonly closed: (response: ServerResponse) => void
  /** Gets what breaks a response. Without it that is for the app to hear of, or the end of the thread. */
  readonly onFailure: ((response: ServerResponse, error: unknown) => void) | undefined
  readonly accessLog: AccessLog | undefined
  readonly meter: RequestMeter
  /** Instead of the server's listeners. */
  readonly upgrade: WatchedUpgrade | undefined
}

/**
 * Counts the requests of HTTP/1.1, from what a server and its responses emit: from 'request' to the response's 'close'.
 *
 * By their `emit` and not by listeners: one for 'upgrade', 'connect' or 'checkContinue' changes what Node does without it.
 */
export class RequestWatch implements ResponseWatcher {
  readonly #activity: Activity
  readonly #events: RequestEvents

  constructor(activity: Activity, events: RequestEvents) {
    this.#activity = activity
    this.#events = events
  }

  /** A server emits a request, by `emit` with `args`. */
  request(server: Server, emit: Emit, args: ArrayLike<unknown>): boolean {
    const request = args[1] as IncomingMessage
    const response = args[2] as ServerResponse
    // A listener for 'checkContinue' may emit 'request' for what it was given: that is one request.
    if (noteOf(response) !== undefined) return Reflect.apply(emit, server, args)
    const activity = this.#activity
    const { frontDoor, accessLog } = this.#events
    const below = connectionOf(request.socket)
    const nowMs = activity.requestStarted(below, request.method, request.url)
    attachNote(response, noteRequest(request, nowMs, accessLog !== undefined, this))
    watchEvents(response)
    this.#events.begun(request, response)
    try {
      if (!frontDoor.admitRequest(request, response, below, nowMs)) return true
      if (diagnostics.requestStart.hasSubscribers)
        diagnostics.requestStart.publish({ request, response, queueTimeMs: request.queueTimeMs })
      return Reflect.apply(emit, server, args)
    } finally {
      // Ended and wholly written: 'close' comes before the event loop turns. Otherwise something is waited for.
      if (!response.writableEnded || response.writableLength > 0) activity.requestWaits()
    }
  }

  /** What the connection is from now on only the app knows; the request is over when its listeners have returned. */
  switchProtocol(server: Server, emit: Emit, args: ArrayLike<unknown>): boolean {
    const request = args[1] as IncomingMessage
    const activity = this.#activity
    const { accessLog, meter, upgrade, frontDoor } = this.#events
    const below = connectionOf(request.socket)
    const begunMs = activity.requestStarted(below, request.method, request.url)
    const note = noteRequest(request, begunMs, accessLog !== undefined)
    let result: PromiseLike<void> | undefined
    try {
      if (!frontDoor.admitUpgrade(request, args[2] as Duplex, below, begunMs)) return true
      if (upgrade === undefined) return Reflect.apply(emit, server, args)
      result = upgrade(request, args[2] as Duplex, args[3] as Buffer)
      return true
    } finally {
      const connection = connectionOf(request.socket)
      // One that was refused has been closed.
      if (!connection.destroyed) activity.connectionUpgraded(connection)
      const ended = (): void => {
        const nowMs = monotonicMs()
        accessLog?.switched(request, note, nowMs)
        meter.switched(request, nowMs - begunMs)
        activity.requestEnded(nowMs)
      }
      if (result === undefined) ended()
      else {
        result.then(ended)
        activity.requestWaits()
      }
    }
  }

  /** Such as by a write after the end: without a listener it would end the whole thread. */
  failed(response: ServerResponse, error: unknown): boolean {
    const { onFailure } = this.#events
    onFailure?.(response, error)
    return onFailure !== undefined && response.listenerCount('error') === 0
  }

  closed(response: ServerResponse, note: RequestNote): void {
    const { accessLog, meter, closing, closed, onFailure } = this.#events
    const nowMs = monotonicMs()
    const { socket } = response.req
    const below = connectionOf(socket)
    const written = writtenBy(below)
    if (written !== undefined) this.#activity.wrote(below, written)
    // Before the response's socket may serve another request.
    if (accessLog !== undefined) {
      const clear = below === socket ? written : writtenBy(socket)
      accessLog.ended(response, note, nowMs, clear)
    }
    meter.ended(response, nowMs - note.begunMs)
    noteShapes(response, nowMs)
    closing(response)
    this.#activity.requestEnded(nowMs)
    // `response.destroy(error)`, as `pipeline` and the Fetch adapter do it, emits no 'error'.
    if (response.errored) onFailure?.(response, response.errored)
    closed(response)
    if (diagnostics.requestEnd.hasSubscribers)
      diagnostics.requestEnd.publish({ request: response.req, response })
  }
}

/** What the kernel has got; what is still to go counts at the connection's end. Node's `socket.bytesWritten` looks through what is queued for that. */
function writtenBy(socket: Socket): number | undefined {
  return (socket as ServedSocket)._handle?.bytesWritten
}
