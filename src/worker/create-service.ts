import type { Server } from 'node:net'
import type { FetchHandler, RequestHandler } from '../handler.js'
import type { Lease, WorkerMessage } from '../shared/messages.js'
import { Parking } from '../sync/parking.js'
import { Epoll } from '../sys/epoll.js'
import { adoptedService, applyTimeouts } from './adopted-server.js'
import type { ThreadTerms } from './connections.js'
import { handlerServer, upgradeWith } from './handler-server.js'
import { HttpService, type HttpServiceOptions } from './http-service.js'
import type { LoadedHandler } from './load-handler.js'
import { RawService } from './raw-service.js'
import { RequestFailures } from './request-failures.js'
import type { ReportFailure, Service } from './service.js'

/** The service of a server that the app has made. */
export function serviceForServer(server: Server, lease: Lease, terms: ThreadTerms): Service {
  applyTimeouts(server, lease.timeouts)
  return adoptedService(server, terms, keepAliveOptions(lease, terms))
}

/** The service of an exported handler; none if the module exports no such thing. */
export async function serviceForHandler(
  handler: LoadedHandler,
  lease: Lease,
  terms: ThreadTerms,
  leaving: AbortSignal,
  report: ReportFailure,
): Promise<Service | undefined> {
  if (handler.kind === 'none' || handler.kind === 'server') return undefined
  if (handler.kind === 'connection') return new RawService(handler.serve, terms, report)
  const serve = handler.kind === 'fetch' ? await adapt(handler.serve) : handler.serve
  const failures = new RequestFailures(terms.activity, report, leaving)
  const { upgrade } = handler
  const server = handlerServer(serve, upgrade !== undefined, lease.timeouts, failures)
  return new HttpService(server, terms, {
    keepAlive: keepAliveOptions(lease, terms),
    onFailure: failures.fail,
    upgrade: upgrade === undefined ? undefined : upgradeWith(upgrade, terms, report),
  })
}

function keepAliveOptions(
  { keepAlive, parking: terms, memory, port }: Lease,
  { thread, activity, root }: ThreadTerms,
): HttpServiceOptions['keepAlive'] {
  if (keepAlive === 'pin' || terms === undefined) return undefined
  const parking = new Parking(memory, new Epoll(terms.epoll), terms.wake)
  const askForParker = (): void => port.postMessage({ type: 'parker' } satisfies WorkerMessage)
  return { thread, keepAlive, parking, activity, root, askForParker }
}

/** The adapter is a sixth of what a thread takes to start, so only those who need it load it. */
async function adapt(handler: FetchHandler): Promise<RequestHandler> {
  const { fetchRequestHandler } = await import('./fetch-request.js')
  return fetchRequestHandler(handler)
}
