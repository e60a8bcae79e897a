import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type { Server as NetServer, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import { nodeHttp } from '../shared/node-modules.js'
import { resumed } from '../sync/entry.js'
import { duplicate } from '../sys/descriptor.js'
import {
  blocksConnection,
  countAccepted,
  dropsConnection,
  publishAccepted,
} from './accepted-socket.js'
import { Connections, type ThreadTerms } from './connections.js'
import { announceClose, describe } from './http-message.js'
import { http2Bytes } from './http2-preface.js'
import { IdleConnections, type IdleConnectionsOptions } from './idle-connections.js'
import { IdleEnd, pollOnce } from './idle-end.js'
import type { RunningRequest } from './in-flight.js'
import { isTlsServer } from './is-tls-server.js'
import { passPeerOn } from './peer-address.js'
import { PipelinedResponses } from './pipelined-responses.js'
import { noteOf } from './request-note.js'
import { type RequestEvents, RequestWatch } from './request-watch.js'
import { connectionOf, fdOf, type ServedSocket } from './served-socket.js'
import type { Service } from './service.js'
import { StreamWatch } from './stream-watch.js'

export interface HttpServiceOptions extends Pick<RequestEvents, 'onFailure' | 'upgrade'> {
  /** None where connections always stay with their thread. */
  readonly keepAlive: Omit<IdleConnectionsOptions, 'connections' | 'stuck'> | undefined
  /** How long a connection of HTTP/2 may have no stream, in ms; 0 for ever. */
  readonly idleMs: number
  /** Makes the server for clients that speak HTTP/2 in clear without asking. Without it they are as wrong as any other noise. */
  readonly http2?: () => NetServer
}

/**
 * HTTP by one of Node's own servers, which never listens: connections come from the hand-off. HTTP/1.1 in clear, and, for servers
 * that an app has made, also over TLS, and HTTP/2.
 */
export class HttpService implements Service {
  readonly #server: NetServer
  readonly #connections: Connections
  readonly #idle: IdleConnections | undefined
  readonly #pipelined = new PipelinedResponses()
  readonly #requests: RequestWatch
  readonly #streams: StreamWatch
  /** With TLS: the sockets whose handshake is done, by those below. */
  readonly #secured: Map<Socket, TLSSocket> | undefined
  readonly #makeHttp2: HttpServiceOptions['http2']
  #http2: NetServer | undefined
  /** What the next connection has sent already, to a parser of HTTP/1.1. */
  #prefaced: { readonly bytes: Buffer; readonly before: Socket } | undefined
  readonly #idleEnd: IdleEnd
  /** What can't go on elsewhere is asked to go by its next response. */
  #announces = false
  #unmovedIdleMs = Number.POSITIVE_INFINITY

  constructor(server: NetServer, terms: ThreadTerms, options: HttpServiceOptions) {
    this.#server = server
    if (isTlsServer(server)) this.#secured = new Map()
    this.#connections = new Connections(terms, server as object, {
      opened: (socket, listener) => this.#opened(socket, listener),
      closed: (socket) => this.#closed(socket),
      refuses: (socket) => dropsConnection(server, socket),
      blocks: (socket) => blocksConnection(server, socket),
      answer: isTlsServer(server) ? 'none' : 'http',
    })
    // What is ciphered can't be handed on: the keys are this thread's.
    if (options.keepAlive !== undefined && server instanceof nodeHttp().Server) {
      const connections = this.#connections
      const stuck = (): void => {
        this.endsSoon()
        this.#idleEnd.shorten(this.#unmovedIdleMs)
      }
      this.#idle = new IdleConnections(server, { ...options.keepAlive, connections, stuck })
    }
    this.#idleEnd = new IdleEnd({
      server,
      connections: this.#connections,
      secured: this.#secured,
    })
    this.#requests = new RequestWatch(terms.activity, {
      accessLog: terms.accessLog,
      meter: terms.meter,
      frontDoor: terms.frontDoor,
      begun: (request, response) => {
        if (this.#announces && !this.#goesOn(request.socket)) announceClose(response)
        if (response.socket === null) this.#pipelined.add(request.socket, response)
      },
      closing: (response) => {
        // Before this thread becomes idle and perhaps takes the next connection, whose handler would block this one.
        this.#idle?.responseClosed(response.req)
      },
      closed: ({ req }) => this.#idleEnd.responseClosed(req.socket),
      onFailure: options.onFailure,
      upgrade: options.upgrade,
    })
    terms.meter.watch(() => this.#oldest())
    this.#makeHttp2 = options.http2
    this.#streams = new StreamWatch(terms, options.idleMs)
    server.emit = this.#watch(server.emit)
    // The `close` of an app that is told to end calls it, too: connections that have just been taken are to be served.
    if (server instanceof nodeHttp().Server)
      server.closeIdleConnections = () => this.#idleEnd.closeIdle()
  }

  serve(entry: number): void {
    this.#connections.open(entry)
  }

  endsSoon(): void {
    this.#announces = true
    for (const socket of this.#sockets()) {
      if (this.#goesOn(socket)) continue
      const last = this.#pipelined.last(socket) ?? responseOf(socket)
      if (last !== undefined) announceClose(last)
    }
  }

  /**
   * What is idle goes on elsewhere, if it can. A client that sends a request in the moment in which its idle connection is closed can't know
   * whether it was served, and many fail then. So those that can't go are asked to, by their next response, and closed only when they
   * have been idle for long.
   */
  async leave(way: WayOfLeaving): Promise<void> {
    this.#unmovedIdleMs = way.unmovedIdleMs
    this.#idle?.leaves(way)
    this.endsSoon()
    // What has arrived by now is read first.
    await pollOnce()
    await this.#idle?.giveAway()
    this.#streams.close()
    this.#idleEnd.begin(way.idleMs)
  }

  #goesOn(socket: Socket): boolean {
    return this.#idle?.goesOn(socket) === true
  }

  requests(): readonly string[] {
    const responses = Array.from(this.#sockets(), (socket) => responseOf(socket))
    return responses.flatMap((response) => (response === undefined ? [] : describe(response.req)))
  }

  /** Of several on one connection, only the first is under way. */
  #oldest(): RunningRequest | undefined {
    let oldest: RunningRequest | undefined
    for (const socket of this.#sockets()) {
      const response = responseOf(socket)
      const running = response && noteOf(response)
      if (running !== undefined && running.begunMs < (oldest?.begunMs ?? Number.POSITIVE_INFINITY))
        oldest = running
    }
    return oldest
  }

  async drained(): Promise<void> {
    await this.#connections.closed()
    this.#idle?.close()
    this.#idleEnd.stop()
  }

  #opened(socket: Socket, listener: number): void {
    if (listener < 0) this.#idleEnd.hasSpoken(socket)
    const server = this.#prefaced === undefined ? this.#server : this.#continue(socket)
    countAccepted(server, socket)
    server.emit('connection', socket)
    publishAccepted(socket)
    if (server === this.#server) this.#idle?.opened(socket)
  }

  /**
   * A client speaks HTTP/2, as the parser of HTTP/1.1 has found. Its connection begins anew, as another socket on a descriptor of its
   * own: so nothing of the parser is left on it.
   */
  #startHttp2(bytes: Buffer, before: Socket): void {
    const fd = duplicateOf(before)
    if (fd >= 0) {
      this.#prefaced = { bytes, before }
      // Not counted once more, and no PROXY header is to come.
      this.#connections.open(resumed(fd))
      this.#prefaced = undefined
    }
    before.destroy()
  }

  #continue(socket: Socket): NetServer {
    if (this.#http2 === undefined) {
      this.#http2 = this.#makeHttp2?.() ?? this.#server
      this.#http2.emit = this.#watch(this.#http2.emit)
    }
    const { bytes, before } = this.#prefaced ?? {}
    if (before !== undefined) passPeerOn(before, socket)
    socket.unshift(bytes)
    return this.#http2
  }

  #closed(socket: Socket): void {
    this.#pipelined.closed(this.#secured?.get(socket) ?? socket)
    this.#secured?.delete(socket)
  }

  #watch(emit: NetServer['emit']): NetServer['emit'] {
    const service = this
    return function (this: NetServer, name: string, first: unknown): boolean {
      // biome-ignore lint/complexity/noArguments: a rest parameter would be an array for each event, and each request has some
      const args = arguments
      switch (name) {
        case 'request':
        case 'checkContinue':
        case 'checkExpectation':
          // Those of HTTP/2 have been counted as streams.
          if ('stream' in (first as object)) break
          return service.#requests.request(this, emit, args)
        case 'upgrade':
        case 'connect':
          if ('stream' in (first as object)) break
          return service.#requests.switchProtocol(this, emit, args)
        case 'stream':
          return service.#streams.stream(this, emit, args)
        case 'session':
          service.#streams.opened(first as ServerHttp2Session)
          break
        case 'clientError': {
          const bytes = service.#makeHttp2 === undefined ? undefined : http2Bytes(first)
          if (bytes === undefined) break
          service.#startHttp2(bytes, args[2] as Socket)
          return true
        }
        case 'secureConnection':
          service.#secured?.set(connectionOf(first as Socket), first as TLSSocket)
      }
      return Reflect.apply(emit, this, args)
    } as NetServer['emit']
  }

  #sockets(): Iterable<Socket> {
    return this.#secured?.values() ?? this.#connections
  }
}

/** -1 if there is none to be had, or the socket has none any more. */
function duplicateOf(socket: Socket): number {
  const fd = fdOf(socket)
  return fd >= 0 ? duplicate(fd) : -1
}

function responseOf(socket: Socket): ServerResponse | undefined {
  return (socket as ServedSocket)._httpMessage ?? undefined
}
