import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

declare module 'node:http' {
  interface IncomingMessage {
    /**
     * In a pool: how many ms this request has waited for its thread, from its arrival in the kernel (or at a proxy whose
     * `X-Request-Start` is trusted) to the handler.
     */
    queueTimeMs?: number | undefined
  }
}

/** What `setup` is told about the thread that it runs in. */
export interface HandlerContext {
  /** Number of the process in the pool, from 0; taken again by the successor of a process that left. */
  readonly process: number
  /** Number of the thread in its process, from 0; taken again likewise. */
  readonly thread: number
  /** How many reloads the pool had when this thread's process was started. */
  readonly generation: number
  /** The process id of the child. */
  readonly pid: number
  /**
   * Aborts when the thread is to leave: it gets no more connections, and waits up to `drainTimeout` for those that are
   * open. The moment to say goodbye on WebSockets and raw connections, whose end only the handler knows.
   */
  readonly signal: AbortSignal
}

/** Serves one request, as a listener of `http.Server` does. A promise tells of errors, nothing else waits for it. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Serves one request in the manner of the Fetch API. */
export interface FetchHandler {
  fetch(request: Request, ...rest: unknown[]): Response | Promise<Response>
}

/** Serves one raw connection. Its thread counts as busy until the socket is closed. */
export type ConnectionHandler = (socket: Socket) => unknown

/** Serves a request for another protocol (`Connection: Upgrade`), such as WebSocket. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown

/** What a handler module exports: `default` or `connection`, and any of the rest. */
export interface HandlerModule {
  readonly default?: RequestHandler | FetchHandler
  readonly connection?: ConnectionHandler
  readonly upgrade?: UpgradeHandler
  /** Runs once in each thread before it gets its first request; the thread waits for its promise. */
  readonly setup?: (context: HandlerContext) => unknown
  /** Runs once in each thread that leaves, after its last request; the thread waits for its promise. */
  readonly teardown?: () => unknown
}
