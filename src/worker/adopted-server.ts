import type { Server } from 'node:net'
import { nodeHttp } from '../shared/node-modules.js'
import type { ClientTimeouts, HandlerKind } from '../shared/terms.js'
import type { ThreadTerms } from './connections.js'
import { checkInterval } from './handler-server.js'
import { HttpService, type HttpServiceOptions } from './http-service.js'
import { isTlsServer } from './is-tls-server.js'
import type { Service } from './service.js'
import { socketService } from './socket-service.js'

/** What Node's HTTP servers keep, those of HTTP/2 with HTTP/1.1 beside it, too. */
type TimedServer = { -readonly [name in keyof ClientTimeouts]?: number } & {
  connectionsCheckingInterval?: number
}

const TIMEOUTS = ['keepAliveTimeout', 'headersTimeout', 'requestTimeout'] as const

/** The service for a server that an app has made, by what it is. */
export function adoptedService(
  server: Server,
  terms: ThreadTerms,
  keepAlive: HttpServiceOptions['keepAlive'],
  timeouts: ClientTimeouts,
): Service {
  if (!servesHttp(server)) return socketService(server, terms)
  const idleMs = timeouts.keepAliveTimeout
  return new HttpService(server, terms, {
    keepAlive,
    idleMs,
    onFailure: undefined,
    upgrade: undefined,
  })
}

export function kindOf(server: Server): HandlerKind {
  if (!servesHttp(server)) return isTlsServer(server) ? 'tls' : 'raw'
  return isTlsServer(server) ? 'https' : 'http'
}

/** Time-outs that the app has changed from Node's are its own; for the others those of the pool hold. */
export function applyTimeouts(server: Server, timeouts: ClientTimeouts): void {
  if (!servesHttp(server)) return
  const timed = server as TimedServer
  const usual = nodeHttp().createServer() as TimedServer
  for (const name of TIMEOUTS) if (timed[name] === usual[name]) timed[name] = timeouts[name]
  // Read when the server begins to listen.
  if (timed.connectionsCheckingInterval === usual.connectionsCheckingInterval)
    timed.connectionsCheckingInterval = checkInterval(timeouts)
}

/** By what only such servers have, where loading the class only to compare would cost every thread some milliseconds. */
function servesHttp(server: Server): boolean {
  const isHttps = isTlsServer(server) && 'closeIdleConnections' in server
  return server instanceof nodeHttp().Server || isHttps || 'updateSettings' in server
}
