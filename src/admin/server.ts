import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AdminSource } from '../stats.js'

/**
 * The admin address, answered by the parent, so also when every worker thread is stuck:
 *
 *     /status.json   the object of `pool.stats()`
 *     /live          200 as long as the parent runs
 *     /ready         200 when the pool serves, else 503 and why not
 */
export class AdminServer {
  readonly #server: Server
  readonly #source: AdminSource

  /** `fd` is a listening socket, which belongs to the server from now on. */
  constructor(fd: number, source: AdminSource) {
    this.#source = source
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#server.listen({ fd })
    // The pool's end is what ends the process, not this.
    this.#server.unref()
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { status, body, type } = this.#answerTo(request)
    response.writeHead(status, {
      'Content-Type': type ?? 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
    })
    response.end(body)
  }

  #answerTo(request: IncomingMessage): Answer {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, body: 'only GET is answered here\n' }
    // A web page must not read this by a name that its owner lets point to this machine.
    if (!isLocalName(request)) return { status: 403, body: 'ask for localhost\n' }
    switch (request.url) {
      case '/status.json': {
        const body = `${JSON.stringify(this.#source.stats())}\n`
        return { status: 200, body, type: 'application/json' }
      }
      case '/live':
        return { status: 200, body: 'live\n' }
      case '/ready': {
        const why = this.#source.notReady()
        return why === undefined
          ? { status: 200, body: 'ready\n' }
          : { status: 503, body: `${why}\n` }
      }
      default:
        return { status: 404, body: 'here are /status.json, /live and /ready\n' }
    }
  }
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
}

function isLocalName({ headers, socket }: IncomingMessage): boolean {
  // A unix socket is reached by its path, whatever the header says.
  if (socket.remoteAddress === undefined) return true
  const name = (headers.host ?? '').replace(/:\d+$/, '')
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(name)
}
