import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestHandler, UpgradeHandler } from '../handler.js'
import type { ClientTimeouts } from '../messages.js'
import type { Activity } from './activity.js'
import type { Connections } from './connections.js'
import type { ReportFailure, Service } from './service.js'

/** Node looks for connections whose headers or request are late this often at most, and at least. */
const SHORTEST_CHECK_MS = 1000
const LONGEST_CHECK_MS = 30_000

/** While draining: how long an accepted connection may take to send its first byte. */
const FIRST_BYTE_MS = 1000

/** HTTP/1.1 by Node's own server, which never listens: connections come from the hand-off. */
export class HttpService implements Service {
  readonly #server: Server
  readonly #connections: Connections
  readonly #activity: Activity
  readonly #serveRequest: RequestHandler
  readonly #report: ReportFailure
  readonly #inFlight = new Set<ServerResponse>()
  #isDraining = false

  constructor(
    serveRequest: RequestHandler,
    upgrade: UpgradeHandler | undefined,
    timeouts: ClientTimeouts,
    connections: Connections,
    activity: Activity,
    report: ReportFailure,
  ) {
    this.#serveRequest = serveRequest
    this.#connections = connections
    this.#activity = activity
    this.#report = report
    this.#server = createServer({
      ...timeouts,
      connectionsCheckingInterval: checkInterval(timeouts),
    })
    this.#server.on('request', this.#onRequest)
    if (upgrade !== undefined) {
      this.#server.on('upgrade', (request, socket, head) =>
        this.#onUpgrade(upgrade, request, socket, head),
      )
    }
    // Node starts the time-outs of headers and requests, and the list that `closeIdleConnections` goes
    // through, when the server listens (lib/_http_server.js, setupConnectionsTracking).
    this.#server.emit('listening')
  }

  serve(fd: number): void {
    // HTTP answers a client that has closed its sending side: hence half-open.
    const socket = this.#connections.open(fd, true)
    if (socket !== undefined) this.#server.emit('connection', socket)
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    for (const response of this.#inFlight) announceClose(response)
    this.#server.closeIdleConnections()
    const silent = setTimeout(() => {
      for (const socket of this.#connections) if (socket.bytesRead === 0) socket.destroy()
    }, FIRST_BYTE_MS)
    await this.#connections.closed()
    clearTimeout(silent)
    // Without a handle this only ends the time-out checks; the error says that the server did not listen.
    this.#server.close(() => undefined)
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const activity = this.#activity
    activity.requestStarted(request.socket)
    this.#inFlight.add(response)
    if (this.#isDraining) announceClose(response)
    response.on('close', this.#onResponseClosed)
    try {
      const result = this.#serveRequest(request, response)
      if (isPromise(result)) result.then(undefined, (error) => this.#fail(request, response, error))
    } catch (error) {
      this.#fail(request, response, error)
    }
    // Ended and wholly written: 'close' comes before the event loop turns. Otherwise something is waited for.
    if (!response.writableEnded || response.writableLength > 0) activity.requestWaits()
  }

  /** One function for all responses, which are its `this`: a closure per request would be garbage per request. */
  readonly #onResponseClosed = ((service: HttpService) =>
    function (this: ServerResponse): void {
      service.#inFlight.delete(this)
      service.#activity.requestEnded()
      // A response whose headers were out before the drain began has left its connection open.
      if (service.#isDraining) service.#server.closeIdleConnections()
    })(this)

  #onUpgrade(
    upgrade: UpgradeHandler,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void {
    this.#activity.requestStarted(request.socket)
    const finish = (): void => this.#activity.requestEnded()
    const failed = (error: unknown): void => {
      this.#activity.handlerFailed()
      this.#report(describe(request), error)
      socket.destroy()
      finish()
    }
    // Node takes its own error listener off an upgraded socket; a reset must not end the thread.
    socket.on('error', () => socket.destroy())
    try {
      const result = upgrade(request, socket, head)
      if (isPromise(result)) {
        result.then(finish, failed)
        this.#activity.requestWaits()
      } else finish()
    } catch (error) {
      failed(error)
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.#activity.handlerFailed()
    this.#report(describe(request), error)
    if (response.headersSent) {
      // The client has a part of a response: only a broken connection tells it that the rest won't come.
      response.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end('Internal Server Error\n')
  }
}

function announceClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close')
}

/** A time-out fires up to one interval late: half of the shortest one keeps that within bounds. */
function checkInterval({ headersTimeout, requestTimeout }: ClientTimeouts): number {
  const set = [headersTimeout, requestTimeout].filter((timeout) => timeout > 0)
  const shortest = Math.min(...set, LONGEST_CHECK_MS * 2)
  return Math.min(Math.max(Math.round(shortest / 2), SHORTEST_CHECK_MS), LONGEST_CHECK_MS)
}

function describe(request: IncomingMessage): string {
  return `${request.method} ${request.url}`
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
