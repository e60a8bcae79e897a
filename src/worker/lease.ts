import { type MessagePort, threadId } from 'node:worker_threads'
import type { FetchHandler, RequestHandler } from '../handler.js'
import { serializeError } from '../shared/errors.js'
import type { EndLease, Lease, WorkerMessage } from '../shared/messages.js'
import { Acceptor } from '../sync/acceptor.js'
import { createMechanism } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { Mailbox } from '../sync/mailbox.js'
import { Parking } from '../sync/parking.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { Epoll } from '../sys/epoll.js'
import { Activity } from './activity.js'
import type { ThreadTerms } from './connections.js'
import { handlerServer, upgradeWith } from './handler-server.js'
import { HttpService, type HttpServiceOptions } from './http-service.js'
import { type LoadedHandler, loadHandler, setUpHandler } from './load-handler.js'
import { ProxyHeaders } from './proxy-headers.js'
import { RawService } from './raw-service.js'
import { createReporter } from './report.js'
import { RequestFailures } from './request-failures.js'
import { RootContext } from './root-context.js'
import type { ReportFailure, Service } from './service.js'

/** HTTP answers a client that has closed its sending side: hence half-open. */
const HTTP_SETTINGS = { allowHalfOpen: true, noDelay: true } as const

/**
 * The task that piscina runs in a worker thread: loads the handler, takes descriptors until the child's main thread
 * ends the lease, finishes what is in flight, and returns. A connection costs no message this way.
 *
 * It rejects when the handler can't be loaded. Anything that the handler throws outside a request ends the
 * thread, and piscina rejects the lease.
 */
export default async function lease(terms: Lease): Promise<void> {
  const { slot, thread, generation, port } = terms
  // Before any code of the user is loaded.
  const root = new RootContext()
  const scoreboard = Scoreboard.map(terms.scoreboard)
  const mailbox = terms.mailbox === undefined ? undefined : new Mailbox(terms.mailbox, scoreboard)
  const acceptor = new Acceptor(terms.mechanism.listeners, mailbox, terms.memory)
  const mechanism = createMechanism(terms.mechanism, terms.memory, acceptor)
  const handOff = new HandOff(terms.memory, scoreboard, slot, mechanism, mailbox)
  const activity = new Activity(slot, thread, handOff, scoreboard, (entry) => service.serve(entry))
  const leaving = new AbortController()
  const handler = await load()
  const report = createReporter(port)
  const shared = {
    thread,
    handOff,
    activity,
    root,
    proxyHeaders: proxyHeadersOf(terms, scoreboard),
  }
  const service = await createService(handler, terms, shared, leaving.signal, report)

  let end: EndLease | undefined
  port.once('message', (message: EndLease) => {
    end = message
    // The loop below waits for a wake-up.
    handOff.wake(thread)
  })
  const kind = handler.kind === 'connection' ? 'raw' : 'http'
  activity.start()
  // Only now that it counts as idle: one that is ready but not yet idle would make the spares start one more.
  port.postMessage({ type: 'ready', kind, threadId } satisfies WorkerMessage)
  await takeUntil(() => end !== undefined)

  activity.withdraw()
  if (end?.takeRest) serveRest()
  root.run(() => leaving.abort())
  await service.drain()
  activity.close()
  await root.run(handler.teardown)
  port.close()

  async function load(): Promise<LoadedHandler> {
    const tellFiles = terms.watch ? await watchFiles(port) : undefined
    try {
      const loaded = await loadHandler(terms.handler)
      const { signal } = leaving
      const context = { process: slot, thread, generation, pid: process.pid, signal }
      await root.run(setUpHandler, terms.handler, loaded, context)
      return loaded
    } catch (error) {
      // Before the word that ends this: it is these files whose change will help.
      tellFiles?.()
      port.postMessage({ type: 'failed', error: serializeError(error) } satisfies WorkerMessage)
      throw error
    }
  }

  async function takeUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      // Armed before the look at the queue: what is queued in between wakes this thread all the same.
      const woken = handOff.nextWake(thread)
      activity.loopTurned()
      const fd = handOff.takeWhenWoken(thread)
      if (fd >= 0) activity.adopt(fd)
      await woken
    }
  }

  function serveRest(): void {
    for (let fd = handOff.queue.take(thread); fd >= 0; fd = handOff.queue.take(thread))
      service.serve(fd)
  }
}

function proxyHeadersOf(
  { slot, listenerTerms, timeouts }: Lease,
  scoreboard: Scoreboard,
): ThreadTerms['proxyHeaders'] {
  const refused = (): void => scoreboard.addToField(slot, 'proxyErrors', 1)
  const headers = new ProxyHeaders(timeouts.headersTimeout, refused)
  return (listener) => (listenerTerms[listener]?.proxyProtocol === true ? headers : undefined)
}

/** Only in development, so only then the inspector is loaded. */
async function watchFiles(port: MessagePort): Promise<() => void> {
  const { watchLoadedFiles } = await import('./loaded-files.js')
  return watchLoadedFiles((files) => {
    port.postMessage({ type: 'loaded', files } satisfies WorkerMessage)
  })
}

async function createService(
  handler: LoadedHandler,
  lease: Lease,
  terms: ThreadTerms,
  leaving: AbortSignal,
  report: ReportFailure,
): Promise<Service> {
  const { activity } = terms
  if (handler.kind === 'connection') return new RawService(handler.serve, terms, report)
  const serve = handler.kind === 'fetch' ? await adapt(handler.serve) : handler.serve
  const failures = new RequestFailures(activity, report, leaving)
  const { upgrade } = handler
  const server = handlerServer(serve, upgrade !== undefined, lease.timeouts, failures)
  return new HttpService(server, terms, {
    settings: HTTP_SETTINGS,
    keepAlive: keepAliveOptions(lease, terms),
    onFailure: failures.fail,
    ...(upgrade === undefined ? {} : { upgrade: upgradeWith(upgrade, terms, report) }),
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
