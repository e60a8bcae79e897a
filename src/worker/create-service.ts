import type { Server } from 'node:net'
import type { FetchHandler, RequestHandler } from '../handler.js'
import type { WorkerMessage } from '../shared/messages-from-worker.js'
import { nodeHttp2 } from '../shared/node-modules.js'
import type { ListenerTerms } from '../shared/terms.js'
import type { Lease } from '../shared/thread-starts.js'
import { Parking } from '../sync/parking.js'
import { Epoll } from '../sys/epoll.js'
import { adoptedService, applyTimeouts } from './adopted-server.js'
import { ByListener } from './by-listener.js'
import type { ThreadTerms } from './connections.js'
import { handlerServer, serveRequests, upgradeWith } from './handler-server.js'
import { HttpService, type HttpServiceOptions } from './http-service.js'
import { isTlsServer } from './is-tls-server.js'
import type { LoadedHandler } from './load-handler.js'
import { beginRaw, rawService } from './raw-service.js'
import { RequestFailures } from './request-failures.js'
import { secureHttpServer, secureRawServer } from './secure-server.js'
import type { ReportFailure, Service } from './service.js'
import { shareTickets } from './session-tickets.js'
import type { SharedTls } from './shared-tls.js'
import { socketService } from './socket-service.js'

/** The service of a server that the app has made. */
export function serviceForServer(
  server: Server,
  lease: Lease,
  tls: SharedTls,
  terms: ThreadTerms,
): Service {
  applyTimeouts(server, lease.timeouts)
  if (isTlsServer(server)) shareTickets(server, tls.ticketKeys)
  return adoptedService(server, terms, keepAliveOptions(lease, terms), lease.timeouts)
}

/** The service of an exported handler, on listeners with and without TLS; none if the module exports no such thing. */
export async function serviceForHandler(
  handler: LoadedHandler,
  lease: Lease,
  tls: SharedTls,
  terms: ThreadTerms,
  isLeaving: () => boolean,
  report: ReportFailure,
): Promise<Service | undefined> {
  if (handler.kind === 'none' || handler.kind === 'server') return undefined
  if (handler.kind === 'connection') {
    const { serve } = handler
    const clear = rawService(serve, terms, report)
    return await servicesFor(lease.listenerTerms, clear, async (certificates) => {
      const server = await secureRawServer(tls, certificates, lease.timeouts)
      server.on('secureConnection', beginRaw(serve, terms.activity, report))
      return socketService(server, terms)
    })
  }
  const serve = handler.kind === 'fetch' ? await adapt(handler.serve) : handler.serve
  const failures = new RequestFailures(terms.activity, report, isLeaving)
  const { upgrade } = handler
  const hasUpgrade = upgrade !== undefined
  const served = (server: Server): void => serveRequests(server, serve, hasUpgrade, failures)
  const options = {
    idleMs: lease.timeouts.keepAliveTimeout,
    onFailure: failures.fail,
    upgrade: upgrade === undefined ? undefined : upgradeWith(upgrade, terms, report),
  }
  const clear = new HttpService(handlerServer(serve, hasUpgrade, lease.timeouts, failures), terms, {
    ...options,
    keepAlive: keepAliveOptions(lease, terms),
    http2: () => clearHttp2Server(served),
  })
  return await servicesFor(lease.listenerTerms, clear, async (certificates) => {
    const own = await secureHttpServer(tls, certificates, lease.timeouts)
    served(own)
    return new HttpService(own, terms, { ...options, keepAlive: undefined })
  })
}

/** A service for each kind of listener: in clear, and one for each of the terms of TLS. */
async function servicesFor(
  listeners: readonly ListenerTerms[],
  clear: Service,
  secure: (certificates: number | undefined) => Promise<Service>,
): Promise<Service> {
  const made = new Map<number | undefined, Service>()
  const services: Service[] = []
  for (const { isSecure, certificates } of listeners) {
    if (isSecure && !made.has(certificates)) made.set(certificates, await secure(certificates))
    services.push((isSecure ? made.get(certificates) : undefined) ?? clear)
  }
  return made.size === 0 ? clear : new ByListener(clear, services)
}

/** Loaded with the first client that wants it. */
function clearHttp2Server(served: (server: Server) => void): Server {
  const server = nodeHttp2().createServer()
  served(server)
  return server
}

function keepAliveOptions(
  { keepAlive, parking: terms, memory, port }: Lease,
  { thread, activity, root, departures }: ThreadTerms,
): HttpServiceOptions['keepAlive'] {
  if (keepAlive === 'pin' || terms === undefined) return undefined
  const parking = new Parking(memory, new Epoll(terms.epoll), terms.wake)
  const askForParker = (): void => port.postMessage({ type: 'parker' } satisfies WorkerMessage)
  return { thread, keepAlive, parking, activity, root, askForParker, departures }
}

/** The adapter is a sixth of what a thread takes to start, so only those who need it load it. */
async function adapt(handler: FetchHandler): Promise<RequestHandler> {
  const { fetchRequestHandler } = await import('./fetch-request.js')
  return fetchRequestHandler(handler)
}
