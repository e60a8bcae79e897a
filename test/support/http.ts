import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'

const LIMIT_MS = 30_000

export interface RequestOptions {
  /** Default: a connection for this request only. */
  readonly agent?: Agent
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  /** Connects to a unix socket; the host of the URL is then only the Host header. */
  readonly socketPath?: string
  readonly timeoutMs?: number
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The request travelled on a connection that had served another one before. */
  readonly reusedConnection: boolean
}

/** One connection after the other is used again, at most `connections` at a time. `destroy()` it at the end. */
export function keepAliveAgent(connections = 1): Agent {
  return new Agent({ keepAlive: true, maxSockets: connections })
}

/** Each request has a connection of its own and says so (`Connection: close`). */
export function connectionPerRequestAgent(): Agent {
  return new Agent({ keepAlive: false })
}

/**
 * Sends one request, GET unless `method` says otherwise, and reads the whole reply.
 *
 * @throws what node:http reports (`ECONNREFUSED`, `ECONNRESET` also in the middle of a body) and
 *   an AbortError after `timeoutMs` (default 30 s); any status is a reply, not an error
 */
export async function get(url: string | URL, options: RequestOptions = {}): Promise<Reply> {
  const { agent, body, headers = {}, method = 'GET', socketPath, timeoutMs = LIMIT_MS } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      // Not the global agent: it keeps connections alive from one test into the next.
      agent: agent ?? false,
      headers,
      method,
      signal: AbortSignal.timeout(timeoutMs),
      ...(socketPath === undefined ? {} : { socketPath }),
    })
    outgoing.on('error', reject)
    outgoing.once('response', async (incoming) => {
      try {
        const chunks: Buffer[] = []
        for await (const chunk of incoming) chunks.push(chunk)
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString(),
          reusedConnection: outgoing.reusedSocket,
        })
      } catch (error) {
        reject(error)
      }
    })
    outgoing.end(body)
  })
}

export interface RawOptions {
  /** Sends FIN behind the bytes. An HTTP server takes that for a client that lost interest, an echo server for the end. */
  readonly halfClose?: boolean
  /** Hangs up as soon as enough has come, for a peer that would keep the connection open. */
  readonly enough?: (received: Buffer) => boolean
  readonly timeoutMs?: number
}

/**
 * Sends bytes as they are, well-formed or not, and collects what comes back.
 *
 * @param target a port of 127.0.0.1, or the path of a unix socket
 * @returns all bytes received until the peer ended the connection or `enough` said so
 * @throws socket errors, and after `timeoutMs` (default 30 s) an error that shows what came until then
 */
export async function raw(
  target: number | string,
  bytes: string | Uint8Array,
  options: RawOptions = {},
): Promise<Buffer> {
  const { enough = () => false, halfClose = false, timeoutMs = LIMIT_MS } = options
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const socket = connect(
      typeof target === 'number' ? { host: '127.0.0.1', port: target } : { path: target },
    )
    const timer = setTimeout(() => {
      const text = JSON.stringify(received.toString('latin1'))
      socket.destroy(new Error(`no end of the reply within ${timeoutMs} ms, received ${text}`))
    }, timeoutMs)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (enough(received)) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(received)
    })
    if (halfClose) socket.end(bytes)
    else socket.write(bytes)
  })
}

/** The port of an address as the ready line prints it. */
export function portOf(address: string): number {
  return Number(new URL(address).port)
}
