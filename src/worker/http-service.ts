import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as immediate } from 'node:timers/promises'
import type { RequestHandler, UpgradeHandler } from '../handler.js'
import type { ClientTimeouts } from '../shared/messages.js'
import type { Activity } from './activity.js'
import type { Connections } from './connections.js'
import { IdleConnections, type IdleConnectionsOptions } from './idle-connections.js'
import { isPromise } from './is-promise.js'
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
  /** None where connections always stay with their thread. */
  readonly #idle: IdleConnections | undefined
  readonly #inFlight = new Set<ServerResponse>()
  /** Responses that wait for an earlier one of their connection (pipelining). */
  readonly #pipelined = new WeakMap<Socket, Set<ServerResponse>>()
  readonly #failed = new WeakSet<ServerResponse>()
  #isDraining = false

  constructor(
    serveRequest: RequestHandler,
    upgrade: UpgradeHandler | undefined,
    timeouts: ClientTimeouts,
    connections: Connections,
    activity: Activity,
    report: ReportFailure,
    keepAlive: IdleConnectionsOptions | undefined,
  ) {
    this.#serveRequest = serveRequest
    this.#connections = connections
    this.#activity = activity
    this.#report = report
    this.#server = createServer({
      ...timeouts,
      connectionsCheckingInterval: checkInterval(timeouts),
    })
    if (keepAlive !== undefined) this.#idle = new IdleConnections(this.#server, keepAlive)
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

  serve(entry: number): void {
    // HTTP answers a client that has closed its sending side: hence half-open.
    const socket = this.#connections.open(entry, true)
    if (socket === undefined) return
    this.#server.emit('connection', socket)
    this.#idle?.opened(socket)
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    for (const response of this.#inFlight) announceClose(response)
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

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const activity = this.#activity
    activity.requestStarted(request.socket, describe(request))
    this.#inFlight.add(response)
    if (this.#isDraining) announceClose(response)
    response.on('close', this.#onResponseClosed)
    // Such as a write after the end; without a listener it would end the whole thread.
    response.on('error', this.#onResponseError)
    if (response.socket === null) this.#closeWith(request.socket, response)
    try {
      const result = this.#serveRequest(request, response)
      if (isPromise(result)) result.then(undefined, (error) => this.#fail(response, error))
    } catch (error) {
      this.#fail(response, error)
    }
    // Ended and wholly written: 'close' comes before the event loop turns. Otherwise something is waited for.
    if (!response.writableEnded || response.writableLength > 0) activity.requestWaits()
  }

  /** One function for all responses, which are its `this`: a closure per request would be garbage per request. */
  readonly #onResponseClosed = ((service: HttpService) =>
    function (this: ServerResponse): void {
      service.#inFlight.delete(this)
      // Before this thread becomes idle and perhaps takes the next connection, whose handler would block this one.
      if (!service.#isDraining) service.#idle?.responseClosed(this.req)
      service.#activity.requestEnded()
      // `response.destroy(error)`, as `pipeline` and the Fetch adapter do it, emits no 'error'.
      if (this.errored) service.#fail(this, this.errored)
      // A response whose headers were out before the drain began has left its connection open.
      if (service.#isDraining) service.#closeIdle()
    })(this)

  readonly #onResponseError = ((service: HttpService) =>
    function (this: ServerResponse, error: Error): void {
      service.#fail(this, error)
    })(this)

  /**
   * With its connection Node closes only the response whose turn it is (20.20, lib/_http_server.js); those of
   * pipelined requests behind it would be in flight for ever.
   */
  #closeWith(socket: Socket, response: ServerResponse): void {
    const known = this.#pipelined.get(socket)
    const waiting = known ?? new Set()
    waiting.add(response)
    response.once('close', () => waiting.delete(response))
    if (known !== undefined) return
    this.#pipelined.set(socket, waiting)
    this.#idle?.listens(socket, 1)
    socket.once('close', () => {
      for (const left of waiting) left.destroy().emit('close')
    })
  }

  /**
   * Closes connections between two requests. Node's method knows them best: it sees in the parser whether a part of the next
   * request has come. But it also takes for idle a response that has ended and is not sent yet (20.20: it looks at
   * `finished`), and a connection that has just been accepted (26); those are kept out of its reach meanwhile.
   */
  #closeIdle(): void {
    const kept: { destroy?: Socket['destroy'] }[] = []
    for (const { writableEnded, req } of this.#inFlight) if (writableEnded) kept.push(req.socket)
    for (const socket of this.#connections) if (socket.bytesRead === 0) kept.push(socket)
    for (const socket of kept) socket.destroy = () => socket as Socket
    this.#server.closeIdleConnections()
    // The method of the class shows again.
    for (const socket of kept) delete socket.destroy
  }

  #onUpgrade(
    upgrade: UpgradeHandler,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void {
    this.#activity.requestStarted(request.socket, describe(request))
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

  #fail(response: ServerResponse, error: unknown): void {
    // One failure may show twice: a stream that breaks destroys the response and rejects the handler's promise.
    if (this.#failed.has(response) || tellsOfLostClient(response, error)) return
    this.#failed.add(response)
    this.#activity.handlerFailed()
    this.#report(describe(response.req), error)
    // Complete before the handler failed, or nobody is there to get it.
    if (response.writableEnded || response.destroyed) return
    // The client has a part of a response: only a broken connection tells it that the rest won't come.
    if (response.headersSent) response.destroy()
    else this.#answerFailure(response)
  }

  #answerFailure(response: ServerResponse): void {
    const body = 'Internal Server Error\n'
    try {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      if (this.#isDraining) announceClose(response)
      // With the reason: the handler may have set `statusMessage` for the answer it had in mind.
      response.writeHead(500, 'Internal Server Error', {
        'Content-Type': 'text/plain; charset=utf-8',
        'Content-Length': body.length,
      })
      response.end(body)
    } catch {
      // Middleware replaces these methods, and its own code may fail as well.
      response.destroy()
    }
  }
}

/**
 * A client that goes away in the middle makes streams fail, and with them the handler that awaits them. That is no failure
 * of the handler, and not for clients to fill the log with. If the handler's side had broken first, it would have destroyed the
 * response with its error.
 */
function tellsOfLostClient({ req, errored }: ServerResponse, error: unknown): boolean {
  if (!req.socket.destroyed || errored) return false
  const { code } = (error ?? {}) as { code?: unknown }
  return error === req.errored || code === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** Resolves right after the event loop has read what there was to read: the poll lies between two immediates. */
async function pollOnce(): Promise<void> {
  await immediate()
  await immediate()
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
