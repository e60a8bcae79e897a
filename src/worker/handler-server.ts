import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as NetServer } from 'node:net'
import type { RequestHandler, UpgradeHandler } from '../handler.js'
import { nodeHttp } from '../shared/node-modules.js'
import type { ClientTimeouts } from '../shared/terms.js'
import type { ThreadTerms } from './connections.js'
import { describe } from './http-message.js'
import { isPromise } from './is-promise.js'
import type { RequestFailures } from './request-failures.js'
import type { WatchedUpgrade } from './request-watch.js'
import type { ReportFailure } from './service.js'

/** Node looks for connections whose headers or request are late this often at most, and at least. */
const SHORTEST_CHECK_MS = 1000
const LONGEST_CHECK_MS = 30_000

/** The server that is made for a handler that a module exports. */
export function handlerServer(
  serve: RequestHandler,
  hasUpgrade: boolean,
  timeouts: ClientTimeouts,
  failures: RequestFailures,
): Server {
  const server = nodeHttp().createServer({
    ...timeouts,
    connectionsCheckingInterval: checkInterval(timeouts),
  })
  serveRequests(server, serve, hasUpgrade, failures)
  return server
}

/** Has a server of HTTP, of whatever version, call a handler. */
export function serveRequests(
  server: NetServer,
  serve: RequestHandler,
  hasUpgrade: boolean,
  failures: RequestFailures,
): void {
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    try {
      const result = serve(request, response)
      if (isPromise(result)) result.then(undefined, (error) => failures.fail(response, error))
    } catch (error) {
      failures.fail(response, error)
    }
  })
  // Without a listener Node takes such a request for a plain one; the service that watches the server calls the handler.
  if (hasUpgrade) server.on('upgrade', () => undefined)
  // Node starts the time-outs of headers and requests, and the list that `closeIdleConnections` goes
  // through, when the server listens (lib/_http_server.js, setupConnectionsTracking).
  server.emit('listening')
}

/** The `upgrade` that a module exports, which has failed when it throws or rejects. */
export function upgradeWith(
  upgrade: UpgradeHandler,
  { activity, root }: ThreadTerms,
  report: ReportFailure,
): WatchedUpgrade {
  return (request, socket, head) => {
    const failed = (error: unknown): void => {
      activity.handlerFailed()
      report(describe(request), error)
      socket.destroy()
    }
    // Node takes its own error listener off an upgraded socket; a reset must not end the thread.
    socket.on('error', () => socket.destroy())
    try {
      // In a context of its own: up to Node 22 what `enterWith` left in an upgrade is found in the next one, on whatever connection.
      const result = root.run(upgrade, request, socket, head)
      return isPromise(result) ? result.then(() => undefined, failed) : undefined
    } catch (error) {
      failed(error)
      return undefined
    }
  }
}

/** A time-out fires up to one interval late: half of the shortest one keeps that within bounds. */
export function checkInterval({ headersTimeout, requestTimeout }: ClientTimeouts): number {
  const set = [headersTimeout, requestTimeout].filter((timeout) => timeout > 0)
  const shortest = Math.min(...set, LONGEST_CHECK_MS * 2)
  return Math.min(Math.max(Math.round(shortest / 2), SHORTEST_CHECK_MS), LONGEST_CHECK_MS)
}
