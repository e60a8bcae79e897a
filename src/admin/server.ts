import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { nodeHttp } from '../shared/node-modules.js'
import { type AdminSource, ORDERS, type OrderName } from '../shared/stats.js'
import { refusalToAsk, refusalToOrder } from './access.js'
import type { Answer } from './answer.js'
import { answerCapture, type CaptureRequest, captureOf } from './captures.js'
import { streamOrder } from './order-stream.js'
import { reading } from './reading.js'

/** What a request is for, and what it gets. */
type Purpose =
  | Answer
  | { readonly order: OrderName; readonly query: URLSearchParams }
  | { readonly capture: CaptureRequest }
  | { readonly later: Promise<Answer> }

/** After a handover: how long a client that has connected before may take to ask. */
const FIRST_QUESTION_MS = 1000

/**
 * The admin address, answered by the parent, so also when every worker thread is stuck:
 *
 *     GET  /              a page for browsers, a text for others: see `overview.ts`
 *     GET  /server-status?auto   the lines of Apache's mod_status
 *     GET  /status.json   the object of `pool.stats()`
 *     GET  /metrics       for Prometheus
 *     GET  /page.json     what the page shows
 *     GET  /live          200 as long as the parent runs
 *     GET  /ready         200 when the pool serves, else 503 and why not
 *     GET  /slow.json     what has blocked threads: `SlowReport`
 *     POST /profile?thread=P.T&seconds=N, /heap?thread=P.T   what DevTools open
 *     POST /reload        carries it out and tells its steps: see `order-stream.ts`
 *     POST /upgrade, /stop, /resize?processes=N&threads=MIN:MAX&spares=…, /drain, /undrain, /kill?thread=P.T, /log-level?level=L
 */
export class AdminServer {
  readonly #server: Server
  readonly #source: AdminSource
  readonly #isReadOnly: boolean
  readonly #token: string | undefined
  /** Orders whose last line is not written yet. */
  readonly #orders = new Set<Promise<void>>()
  readonly #connections = new Set<Socket>()
  /** Those of them that have not sent a whole request yet. */
  readonly #unasked = new WeakSet<Socket>()
  #isHandedOver = false
  #isClosed = false

  /** `fd` is a listening socket, which belongs to the server from now on. */
  constructor(fd: number, source: AdminSource, rights: 'all' | 'read' = 'all', token?: string) {
    this.#isReadOnly = rights === 'read'
    this.#token = token
    this.#source = source
    this.#server = nodeHttp().createServer((request, response) => this.#answer(request, response))
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket)
      this.#unasked.add(socket)
      socket.once('close', () => this.#connections.delete(socket))
    })
    this.#server.listen({ fd })
    // The pool's end is what ends the process, not this.
    this.#server.unref()
  }

  /**
   * Another process accepts at the same address now. Connections that were accepted here a moment ago still get their answer, until
   * `close`: the question of a load balancer must not fail because of an upgrade.
   *
   * Not by the method of `http.Server`, which closes idle connections as well, and for Node 26 that is also one that has been
   * accepted and has sent nothing yet.
   */
  handOver(): void {
    this.#isHandedOver = true
    NetServer.prototype.close.call(this.#server)
  }

  /** Accepts no more. Whoever has given an order, such as the one to stop, still gets its last line. */
  close(): void {
    this.#isClosed = true
    NetServer.prototype.close.call(this.#server)
    void Promise.all(this.#orders).then(() => this.#endConnections())
  }

  /**
   * To a client that has connected before a handover the address serves, so its question may still come: on a busy machine
   * a pool can have left sooner than the client gets to run again.
   */
  #endConnections(): void {
    const end = (): void => {
      this.#server.closeAllConnections()
      this.#server.close()
    }
    if (!this.#isHandedOver) {
      end()
      return
    }
    for (const socket of this.#connections) if (!this.#unasked.has(socket)) socket.destroy()
    // An open connection keeps the process, not this.
    setTimeout(end, FIRST_QUESTION_MS).unref()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.#unasked.delete(request.socket)
    const answer = this.#purposeOf(request)
    if ('order' in answer) {
      const carriedOut = streamOrder(response, this.#source.orders[answer.order], answer.query)
      this.#orders.add(carriedOut)
      void carriedOut.then(() => this.#orders.delete(carriedOut))
      return
    }
    if ('capture' in answer) {
      void answerCapture(response, answer.capture, this.#source)
      return
    }
    if ('later' in answer) {
      void answer.later.then((ready) => this.#send(response, ready))
      return
    }
    this.#send(response, answer)
  }

  #send(response: ServerResponse, { status, body, type, headers }: Answer): void {
    response.writeHead(status, {
      ...headers,
      'Content-Type': type ?? 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      ...(this.#isHandedOver ? { Connection: 'close' } : {}),
    })
    response.end(body)
  }

  #purposeOf(request: IncomingMessage): Purpose {
    const { method, url = '' } = request
    const unheard = refusalToAsk(request, this.#isReadOnly)
    if (unheard !== undefined) return unheard
    const [path = '', query = ''] = url.split('?', 2)
    const order = ORDERS.find((name) => path === `/${name}`)
    if (order !== undefined) {
      if (method !== 'POST') return { status: 405, body: `${path} is an order: POST it\n` }
      return refusalToOrder(request, this.#token) ?? { order, query: new URLSearchParams(query) }
    }
    const capture = captureOf(request)
    if (typeof capture === 'string') return { status: 400, body: capture }
    if (capture !== undefined) {
      if (method !== 'POST') return { status: 405, body: `${url} costs the thread: POST it\n` }
      return refusalToOrder(request, this.#token) ?? { capture }
    }
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, body: 'only GET is answered here\n' }
    return reading(request, this.#source, this.#isClosed)
  }
}
