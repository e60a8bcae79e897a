import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Activity } from './activity.js'
import { Connections, type SocketSettings, type ThreadTerms } from './connections.js'
import { announceClose, describe } from './http-message.js'
import { IdleConnections, type IdleConnectionsOptions } from './idle-connections.js'
import { PipelinedResponses } from './pipelined-responses.js'
import type { Service } from './service.js'

/** While draining: how long an accepted connection may take to send its first byte. */
const FIRST_BYTE_MS = 1000

/** What Node's HTTP server keeps on a socket: the response under way, null between two requests. */
interface ServedSocket {
  readonly _httpMessage?: ServerResponse | null
}

/** Serves an upgrade; the request lasts until the promise resolves, if there is one. Fails never. */
export type WatchedUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
) => PromiseLike<void> | undefined

export interface HttpServiceOptions {
  readonly settings: SocketSettings
  /** None where connections always stay with their thread. */
  readonly keepAlive: Omit<IdleConnectionsOptions, 'connections'> | undefined
  /** Gets what breaks a response. Without it that is for the app to hear of, or the end of the thread. */
  readonly onFailure?: (response: ServerResponse, error: unknown) => void
  /** Instead of the server's listeners. */
  readonly upgrade?: WatchedUpgrade
}

/**
 * HTTP/1.1 by one of Node's own servers, which never listens: connections come from the hand-off.
 *
 * The server and its responses are watched by their `emit`, not by listeners: a listener for 'upgrade', 'connect' or 'checkContinue'
 * changes what Node does without one, and two listeners on each response were a good part of what the pool itself cost a request.
 */
export class HttpService implements Service {
  readonly #server: Server
  readonly #connections: Connections
  readonly #activity: Activity
  readonly #idle: IdleConnections | undefined
  readonly #pipelined = new PipelinedResponses()
  readonly #onFailure: HttpServiceOptions['onFailure']
  readonly #upgrade: WatchedUpgrade | undefined
  #isDraining = false

  constructor(server: Server, terms: ThreadTerms, options: HttpServiceOptions) {
    this.#server = server
    this.#activity = terms.activity
    this.#onFailure = options.onFailure
    this.#upgrade = options.upgrade
    this.#connections = new Connections(terms, options.settings, {
      opened: (socket) => {
        server.emit('connection', socket)
        this.#idle?.opened(socket)
      },
      closed: (socket) => this.#pipelined.closed(socket),
    })
    if (options.keepAlive !== undefined) {
      const connections = this.#connections
      this.#idle = new IdleConnections(server, { ...options.keepAlive, connections })
    }
    server.emit = this.#watch(server.emit)
  }

  serve(entry: number): void {
    this.#connections.open(entry)
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    for (const socket of this.#connections) {
      const last = this.#pipelined.last(socket) ?? responseOf(socket)
      if (last !== undefined) announceClose(last)
    }
    // Requests that have arrived by now are read first, and served. One that arrives between this poll of the event loop and the
    // close, some microseconds, is never read: the kernel answers it with a reset, and the client knows that it may repeat it.
    await pollOnce()
    // With a child that stays they are better off with its other threads.
    await this.#idle?.parkAll()
    this.#closeIdle()
    const silent = setTimeout(() => {
      for (const socket of this.#connections) if (socket.bytesRead === 0) socket.destroy()
    }, FIRST_BYTE_MS)
    await this.#connections.closed()
    clearTimeout(silent)
    // Without a handle this only ends the time-out checks; the error says that the server did not listen.
    this.#server.close(() => undefined)
  }

  #watch(emit: Server['emit']): Server['emit'] {
    const service = this
    return function (this: Server, name: string, ...args: unknown[]): boolean {
      switch (name) {
        case 'request':
        case 'checkContinue':
        case 'checkExpectation': {
          const [request, response] = args as [IncomingMessage, ServerResponse]
          // A listener for 'checkContinue' may emit 'request' for what it was given: that is one request.
          if (response.emit === service.#emitOfResponse) break
          service.#begin(request, response)
          try {
            return Reflect.apply(emit, this, [name, request, response])
          } finally {
            // Ended and wholly written: 'close' comes before the event loop turns. Otherwise something is waited for.
            if (!response.writableEnded || response.writableLength > 0)
              service.#activity.requestWaits()
          }
        }
        case 'upgrade':
        case 'connect':
          return service.#switchProtocol(args as [IncomingMessage, Duplex, Buffer], () =>
            Reflect.apply(emit, this, [name, ...args]),
          )
      }
      return Reflect.apply(emit, this, [name, ...args])
    } as Server['emit']
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    this.#activity.requestStarted(request.socket, describe(request))
    response.emit = this.#emitOfResponse
    if (this.#isDraining) announceClose(response)
    if (response.socket === null) this.#pipelined.add(request.socket, response)
  }

  /** What the connection is from now on only the app knows; the request is over when its listeners have returned. */
  #switchProtocol(
    [request, socket, head]: [IncomingMessage, Duplex, Buffer],
    emit: () => boolean,
  ): boolean {
    const activity = this.#activity
    activity.requestStarted(request.socket, describe(request))
    let result: PromiseLike<void> | undefined
    try {
      if (this.#upgrade === undefined) return emit()
      result = this.#upgrade(request, socket, head)
      return true
    } finally {
      const ended = (): void => activity.requestEnded()
      if (result === undefined) ended()
      else {
        result.then(ended)
        activity.requestWaits()
      }
    }
  }

  /** One function for all responses, which are its `this`: a closure per request would be garbage per request. */
  readonly #emitOfResponse = ((service: HttpService) =>
    function (this: ServerResponse, name: string, ...args: unknown[]): boolean {
      const { emit } = Object.getPrototypeOf(this) as ServerResponse
      if (name === 'close') {
        // Once: should others emit it again, no other request ends.
        this.emit = emit
        service.#responseClosed(this)
      } else if (name === 'error' && service.#onFailure !== undefined) {
        service.#onFailure(this, args[0])
        // Such as a write after the end: without a listener it would end the whole thread.
        if (this.listenerCount('error') === 0) return true
      }
      return Reflect.apply(emit, this, [name, ...args])
    } as ServerResponse['emit'])(this)

  #responseClosed(response: ServerResponse): void {
    // Before this thread becomes idle and perhaps takes the next connection, whose handler would block this one.
    if (!this.#isDraining) this.#idle?.responseClosed(response.req)
    this.#activity.requestEnded()
    // `response.destroy(error)`, as `pipeline` and the Fetch adapter do it, emits no 'error'.
    if (response.errored) this.#onFailure?.(response, response.errored)
    // A response whose headers were out before the drain began has left its connection open.
    if (this.#isDraining && !response.req.socket.writableEnded) this.#closeIdle()
  }

  /**
   * Closes connections between two requests. Node's method knows them best: it sees in the parser whether a part of the next
   * request has come. But it also takes for idle a response that has ended and is not sent yet (20.20: it looks at
   * `finished`), and a connection that has just been accepted (26); those are kept out of its reach meanwhile.
   */
  #closeIdle(): void {
    const kept: { destroy?: Socket['destroy'] }[] = []
    for (const socket of this.#connections)
      if (socket.bytesRead === 0 || responseOf(socket)?.writableEnded) kept.push(socket)
    for (const socket of kept) socket.destroy = () => socket as Socket
    this.#server.closeIdleConnections()
    // The method of the class shows again.
    for (const socket of kept) delete socket.destroy
  }
}

function responseOf(socket: Socket): ServerResponse | undefined {
  return (socket as ServedSocket)._httpMessage ?? undefined
}

/** Resolves right after the event loop has read what there was to read: the poll lies between two immediates. */
async function pollOnce(): Promise<void> {
  await immediate()
  await immediate()
}
