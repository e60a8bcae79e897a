import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { type AdminSource, ORDERS, type OrderName } from '../shared/stats.js'
import { answerCapture, type CaptureRequest, captureOf } from './captures.js'
import { METRICS_TYPES, type MetricsForm, metrics, metricsForm } from './exposition.js'
import { streamOrder } from './order-stream.js'
import { isOverview, overview } from './overview.js'

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
    this.#server = createServer((request, response) => this.#answer(request, response))
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
    const answer = this.#answerTo(request)
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

  /** Over TCP everybody on this machine can connect: with a token only who has that gives orders. */
  #unknown({ headers, socket }: IncomingMessage): Answer | undefined {
    const token = this.#token
    if (token === undefined || socket.remoteAddress === undefined) return undefined
    const [, given = ''] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? []
    // Of hashes, so that neither the length nor the first wrong letter shows in the time that it takes.
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
    if (timingSafeEqual(digest(given), digest(token))) return undefined
    const body =
      'an order needs the header Authorization: Bearer TOKEN, with the adminToken of this pool\n'
    return { status: 401, body, headers: { 'WWW-Authenticate': 'Bearer' } }
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

  async #metrics(form: MetricsForm): Promise<Answer> {
    try {
      const body = await metrics(this.#source.stats(), this.#source.measures(), form)
      return { status: 200, body, type: METRICS_TYPES[form], headers: { Vary: 'Accept' } }
    } catch (error) {
      return { status: 500, body: `${(error as Error).message}\n` }
    }
  }

  #answerTo(
    request: IncomingMessage,
  ):
    | Answer
    | { readonly order: OrderName; readonly query: URLSearchParams }
    | { readonly capture: CaptureRequest }
    | { readonly later: Promise<Answer> } {
    const { method, url = '' } = request
    // A web page must not read this by a name that its owner lets point to this machine.
    // Where nobody gives orders, whoever may connect may read.
    if (this.#isReadOnly) {
      if (method !== 'GET' && method !== 'HEAD')
        return { status: 405, body: 'no orders are taken here\n' }
    } else if (!isLocalName(request)) return { status: 403, body: 'ask for localhost\n' }
    const [path = '', query = ''] = url.split('?', 2)
    const order = ORDERS.find((name) => path === `/${name}`)
    if (order !== undefined) {
      if (method !== 'POST') return { status: 405, body: `${path} is an order: POST it\n` }
      const refused = refusal(request, url) ?? this.#unknown(request)
      return refused ?? { order, query: new URLSearchParams(query) }
    }
    const capture = captureOf(request)
    if (typeof capture === 'string') return { status: 400, body: capture }
    if (capture !== undefined) {
      if (method !== 'POST') return { status: 405, body: `${url} costs the thread: POST it\n` }
      return refusal(request, url) ?? this.#unknown(request) ?? { capture }
    }
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, body: 'only GET is answered here\n' }
    if (this.#isClosed && (url === '/status.json' || isOverview(url))) {
      const why = this.#source.notReady() ?? 'another process serves here by now'
      return { status: 503, body: `${why}\n` }
    }
    const seen = overview(request, this.#source)
    if (seen !== undefined) return { status: 200, ...seen }
    switch (url) {
      case '/status.json': {
        const body = `${JSON.stringify(this.#source.stats())}\n`
        return { status: 200, body, type: 'application/json' }
      }
      case '/metrics': {
        if (this.#isClosed) return { status: 503, body: 'another process serves here by now\n' }
        return { later: this.#metrics(metricsForm(request.headers.accept)) }
      }
      case '/slow.json':
        return {
          status: 200,
          body: `${JSON.stringify(this.#source.slow())}\n`,
          type: 'application/json',
        }
      case '/live':
        return { status: 200, body: 'live\n' }
      case '/ready': {
        const why = this.#source.notReady()
        return why === undefined
          ? {
              status: 200,
              body: `${['ready', this.#source.remark()].filter(Boolean).join('\n')}\n`,
            }
          : { status: 503, body: `${why}\n` }
      }
      default: {
        const body =
          'here are /, /status.json, /metrics, /server-status?auto, /slow.json, /live, /ready and the orders ' +
          `${ORDERS.map((name) => `/${name}`).join(', ')}\n`
        return { status: 404, body }
      }
    }
  }
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

function isLocalName({ headers, socket }: IncomingMessage): boolean {
  // A unix socket is reached by its path, whatever the header says.
  if (socket.remoteAddress === undefined) return true
  const name = (headers.host ?? '').replace(/:\d+$/, '')
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(name)
}

/**
 * A page in a browser of this machine can send a POST here, though it can't read the answer. But it can't do so without
 * an `Origin`, nor with this content type unless it is allowed to, and nobody here answers its question for that.
 */
function refusal({ headers }: IncomingMessage, url: string): Answer | undefined {
  if (headers.origin !== undefined)
    return { status: 403, body: 'no orders are taken from a web page (Origin was sent)\n' }
  const type = headers['content-type']
  if (type === 'application/json') return undefined
  const found = type === undefined ? 'it is missing' : `it is ${type}`
  const how = `curl -X POST -H 'Content-Type: application/json' http://${headers.host ?? 'HOST:PORT'}${url}`
  return {
    status: 403,
    body: `an order needs the header Content-Type: application/json, and ${found}: ${how}\n`,
  }
}
