import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Channel, Channels } from './shared/channel.js'
import { poolThread } from './shared/pool-thread.js'
import { nameRoute, type RoutedRequest } from './shared/route.js'

export type { Channel } from './shared/channel.js'

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
  /** Whether this is the one thread of the pool that does what has to be done once, such as cron-like work. */
  readonly isLeader: boolean
  /**
   * Calls `act` each time that this thread becomes the leader, soon if it is it already; `signal` aborts when it stops to be it. Never
   * two threads lead at a time: the next one hears of it when this one has been told to stop, or is gone. Returns what takes `act`
   * away.
   */
  readonly onLeader: (act: (signal: AbortSignal) => unknown) => () => void
  /** As the export `channel` of `forkthread/handler`. */
  readonly channel: (name: string) => Channel
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

/** Outside of a pool: a thread that is all there is. */
function alone(): HandlerContext {
  const channels = new Channels({ post: (_, __, done) => void setImmediate(done) })
  return {
    process: 0,
    thread: 0,
    generation: 0,
    pid: process.pid,
    signal: new AbortController().signal,
    isLeader: true,
    onLeader: (act) => {
      const { signal } = new AbortController()
      const soon = setImmediate(() => act(signal))
      return () => clearImmediate(soon)
    },
    channel: (name) => channels.open(name),
  }
}

let single: HandlerContext | undefined

function current(): HandlerContext {
  const thread = poolThread()
  if (thread !== undefined) return thread
  single ??= alone()
  return single
}

/**
 * The thread that this code runs in, for those who don't get it by `setup`. Where there is no pool (`node app.js`, a test) it is
 * the only one, and leads.
 */
export const context: HandlerContext = {
  get process() {
    return current().process
  },
  get thread() {
    return current().thread
  },
  get generation() {
    return current().generation
  },
  get pid() {
    return current().pid
  },
  get signal() {
    return current().signal
  },
  get isLeader() {
    return current().isLeader
  },
  onLeader: (act) => current().onLeader(act),
  channel: (name) => current().channel(name),
}

/**
 * Opens a channel, in the manner of `BroadcastChannel`: what is posted on it reaches each channel of that name in every thread of every
 * process of the pool, and the parent's `pool.channel(name)`. Not this object itself.
 * Where there is no pool it reaches others of this thread.
 */
export function channel(name: string): Channel {
  return current().channel(name)
}

/**
 * Names the route of a request, such as `/users/:id`: metrics tell requests apart by it, in the label `http_route`, and so does what `forkthread slow` tells. At any time until the response is over;
 * the last name counts. Of Node's request, also where a framework wraps it. A name, and never the path itself: a pool keeps 128 of them,
 * and calls what comes beyond `_OTHER`. What is behind the 122nd byte of a name is cut off.
 */
export function setRoute(
  request: IncomingMessage | Http2ServerRequest | ServerHttp2Stream,
  route: string,
): void {
  nameRoute(request as RoutedRequest, String(route))
}
