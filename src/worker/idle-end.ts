import type { Server as HttpServer } from 'node:http'
import type { Server as NetServer, Socket } from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { nodeHttp } from '../shared/node-modules.js'
import { peekConnection } from '../sys/socket.js'
import { IdleTime, timerClock } from './idle-time.js'
import { connectionOf, fdOf, type ServedSocket } from './served-socket.js'

/** In a thread that leaves: how long an accepted connection may take to send its first byte. */
const FIRST_BYTE_MS = 1000

/** How often it looks for connections that have been idle for too long, at least and at most. */
const SHORTEST_LOOK_MS = 20
const LONGEST_LOOK_MS = 250

/** How often to look whether what waited in the kernel was a request. */
const MOST_LOOKS = 4

export interface IdleEndOptions {
  readonly server: NetServer
  readonly connections: Iterable<Socket>
  /** With TLS: the sockets whose handshake is done, by those below. */
  readonly secured: ReadonlyMap<Socket, TLSSocket> | undefined
}

/**
 * Closes connections between two requests: those that have been idle for too long when the thread leaves, and before that all, when the app says so.
 */
export class IdleEnd {
  readonly #options: IdleEndOptions
  /** Of another socket on the same connection, the bytes of which don't count here. */
  readonly #hasSpoken = new WeakSet<Socket>()
  /** From when the thread leaves on. */
  #idleTime: IdleTime | undefined
  /** The thread leaves, and what has been idle for so long, in ms, is closed. */
  #mostIdleMs = Number.POSITIVE_INFINITY
  #silent: NodeJS.Timeout | undefined
  #looks: NodeJS.Timeout | undefined

  constructor(options: IdleEndOptions) {
    this.#options = options
  }

  /** What the client of this one has sent was read by another socket: it is not new, though it may look so. */
  hasSpoken(socket: Socket): void {
    this.#hasSpoken.add(socket)
    if (this.#idleTime === undefined) return
    // One more, behind those that were here when it began.
    this.#idleTime.begins(socket)
    this.#lookOn()
  }

  /** The thread leaves. */
  begin(mostIdleMs: number): void {
    this.#idleTime = new IdleTime()
    this.#mostIdleMs = Math.min(this.#mostIdleMs, mostIdleMs)
    this.closeIdle()
    this.#lookOn()
    this.#silent = setTimeout(() => {
      for (const socket of this.#options.connections) if (this.#isNew(socket)) socket.destroy()
    }, FIRST_BYTE_MS)
  }

  /** Of a thread that leaves already: nobody goes on with what is here, so it is closed sooner. */
  shorten(mostIdleMs: number): void {
    if (mostIdleMs >= this.#mostIdleMs) return
    this.#mostIdleMs = mostIdleMs
    clearInterval(this.#looks)
    this.#looks = undefined
    this.#lookOn()
  }

  /** A response whose headers were out before the drain began has left its connection open. */
  responseClosed(socket: Socket): void {
    if (this.#mostIdleMs === 0 && !socket.writableEnded) this.closeIdle()
  }

  /** No connection is left. */
  stop(): void {
    clearTimeout(this.#silent)
    clearInterval(this.#looks)
    this.#looks = undefined
  }

  /**
   * Node's method knows connections between two requests best: it sees in the parser whether a part of the next
   * request has come. But it also takes for idle a response that has ended and is not sent yet (20.20: it looks at
   * `finished`), and a connection that has just been accepted (26); those are kept out of its reach meanwhile, and so are those whose
   * next bytes the kernel has already: that request was sent to a server that served, and a close now would answer it with a reset.
   * One that had its requests elsewhere it takes for new (20 to 24).
   */
  closeIdle(looks = MOST_LOOKS): void {
    const { server, connections, secured } = this.#options
    const kept: { destroy?: Socket['destroy'] }[] = []
    const resumed: Socket[] = []
    let isAnyUnread = false
    const now = this.#mostIdleMs > 0 ? timerClock() : undefined
    for (const socket of secured?.values() ?? connections) {
      const { parser, _httpMessage } = socket as ServedSocket
      if (parser == null) continue
      const isUsed = this.#isInUse(socket, now)
      const isUnread = !isUsed && hasUnread(connectionOf(socket))
      isAnyUnread ||= isUnread
      if (isUsed || isUnread || socket.bytesRead === 0 || _httpMessage?.writableEnded === true)
        kept.push(socket)
      if (!isUsed && !isUnread && socket.bytesRead === 0 && this.#hasSpoken.has(socket))
        resumed.push(socket)
    }
    for (const socket of kept) socket.destroy = () => socket as Socket
    // Of the class: an HTTP/2 server that takes HTTP/1.1, too, has the list but not the method.
    nodeHttp().Server.prototype.closeIdleConnections.call(server as HttpServer)
    // The method of the class shows again.
    for (const socket of kept) delete socket.destroy
    for (const socket of resumed) socket.destroy()
    // It may have been the end of the stream, or of its cipher, and no request. Or the bytes of a body or a WebSocket that the app does
    // not read for now: those are no reason to look for ever.
    if (isAnyUnread && looks > 1) void pollOnce().then(() => this.closeIdle(looks - 1))
  }

  #lookOn(): void {
    const everyMs = Math.min(Math.max(this.#mostIdleMs / 10, SHORTEST_LOOK_MS), LONGEST_LOOK_MS)
    this.#looks ??= setInterval(() => this.closeIdle(1), everyMs)
  }

  /** The app closes idle ones itself, whenever it likes; but a thread that leaves waits for their next request. */
  #isInUse(socket: Socket, now: number | undefined): boolean {
    return this.#idleTime !== undefined && this.#idleTime.of(socket, now) < this.#mostIdleMs
  }

  /** Nothing has come that could be a request, ever; nor is it just coming. */
  #isNew(connection: Socket): boolean {
    const { secured } = this.#options
    const socket = secured === undefined ? connection : secured.get(connection)
    if ((socket?.bytesRead ?? 0) > 0 || this.#hasSpoken.has(connection)) return false
    return secured !== undefined || !hasUnread(connection)
  }
}

/** Whether bytes wait in the kernel that the event loop has not read yet. */
function hasUnread(socket: Socket): boolean {
  const fd = fdOf(socket)
  return fd >= 0 && peekConnection(fd) === 'bytes'
}

/** Resolves right after the event loop has read what there was to read: the poll lies between two immediates. */
export async function pollOnce(): Promise<void> {
  await immediate()
  await immediate()
}
