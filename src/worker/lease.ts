import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { type MessagePort, threadId } from 'node:worker_threads'
import { fail, serializeError } from '../shared/errors.js'
import type { WorkerMessage } from '../shared/messages-from-worker.js'
import type { EndLease, LeaseMessage } from '../shared/messages-to-worker.js'
import { noteSpawns } from '../shared/note-spawns.js'
import { setPoolThread } from '../shared/pool-thread.js'
import { onRouteNamed } from '../shared/route.js'
import { guardThread } from '../shared/standard-output.js'
import type { HandlerKind } from '../shared/terms.js'
import { nameThread } from '../shared/thread-name.js'
import type { Lease } from '../shared/thread-starts.js'
import { Acceptor } from '../sync/acceptor.js'
import { createMechanism } from '../sync/create-mechanism.js'
import { ExclusiveMechanism } from '../sync/exclusive-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { Mailbox } from '../sync/mailbox.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { Shedding } from '../sync/shedding.js'
import { AccessLog } from './access-log.js'
import { Activity } from './activity.js'
import { Adoption } from './adoption.js'
import type { HandOver } from './code-script.js'
import { serviceForHandler, serviceForServer } from './create-service.js'
import { departuresFor } from './departures.js'
import { diagnostics } from './diagnostics.js'
import { FrontDoor } from './front-door.js'
import { InFlight } from './in-flight.js'
import { loadApp } from './load-app.js'
import type { LoadedHandler } from './load-handler.js'
import { isToldOfLeaving, noteExits, sayGoodbye, sayNothingIsLeft } from './own-signals.js'
import { OwnWatch } from './own-watch.js'
import { contextFor, PoolLink } from './pool-link.js'
import { proxyHeadersFor } from './proxy-headers.js'
import { createReporter } from './report.js'
import { RequestMeter } from './request-meter.js'
import { rest } from './rest.js'
import { RootContext } from './root-context.js'
import { Serving } from './serving.js'
import { SharedTls } from './shared-tls.js'
import { untilAnswered } from './until-answered.js'
import { untilLoopIsIdle } from './until-loop-is-idle.js'

export { importsBy } from '../shared/import-module.js'

/** How many requests in flight an error names. */
const MOST_REQUESTS = 5

/**
 * The task that piscina runs in a worker thread: loads the handler, takes descriptors until the child's main thread
 * ends the lease, finishes what is in flight, and exits. A connection costs no message this way.
 *
 * `handOver` is for what other threads begin with; see thread-code.ts.
 *
 * It rejects when the handler can't be loaded. Anything that the handler throws outside a request ends the
 * thread, and piscina rejects the lease.
 */
export default async function lease(terms: Lease, handOver: HandOver): Promise<void> {
  const { slot, thread, generation, learns, port } = terms
  const tell = (message: WorkerMessage): void => port.postMessage(message)
  // Before any code of the user is loaded, which may put something else in its place.
  const exit = process.exit.bind(process)
  const onLost = (stream: string, lines: number, why: string): void => {
    const who = `Thread ${thread} of child ${process.pid}`
    const error = serializeError(fail('FT_ERR_OUTPUT_LOST', [who, stream, lines, why]))
    tell({ type: 'report', error })
  }
  const prefix = terms.threadPrefix ? `[${slot}.${thread}] ` : ''
  guardThread(terms.standard, terms.pending, prefix, onLost)
  noteSpawns({
    started: (pid) => tell({ type: 'program', phase: 'started', pid }),
    ended: (pid) => tell({ type: 'program', phase: 'ended', pid }),
  })
  const accessLog =
    terms.accessLog &&
    new AccessLog(
      terms.accessLog,
      { process: slot, thread, generation, pid: process.pid },
      (...lost) => onLost('access log', ...lost),
    )
  nameThread(`ft-worker-${thread}`)
  noteExits((code) => tell({ type: 'exits', code }))
  const root = new RootContext()
  const pool = new PoolLink(terms.poolPort, root, terms.inspect)
  const scoreboard = Scoreboard.map(terms.scoreboard)
  const mailbox = terms.mailbox === undefined ? undefined : new Mailbox(terms.mailbox, scoreboard)
  const acceptor = new Acceptor(terms.mechanism.listeners, mailbox, terms.memory)
  const mechanism = createMechanism(terms.mechanism, terms.memory, acceptor)
  const handOff = new HandOff(terms.memory, scoreboard, slot, mechanism)
  const inFlight = new InFlight()
  const activity = new Activity(
    slot,
    thread,
    handOff,
    new Shedding(handOff, mailbox),
    scoreboard,
    (entry) => serving.serve(entry),
    inFlight,
  )
  const ownWatch = watchListeners()
  const leaving = new AbortController()
  let end: EndLease | undefined

  const { addresses } = terms
  const proxyHeaders = proxyHeadersFor(terms, scoreboard)
  const tls = new SharedTls(terms)
  const frontDoor = new FrontDoor(slot, thread, terms.overload, scoreboard)
  const meter = new RequestMeter(scoreboard.requests, inFlight, {
    thresholdMs: terms.slowThreshold || Number.POSITIVE_INFINITY,
    ...{ rows: scoreboard.rows, slot, thread },
  })
  const showWhatEnded = (): void => {
    meter.flush()
    accessLog?.flush()
  }
  activity.onPublish(showWhatEnded)
  // In the middle of a turn.
  process.once('exit', showWhatEnded)
  const departures = departuresFor(terms, scoreboard, {
    begun: () => tell({ type: 'moves' }),
    back: (entry) => serving.serve(entry),
  })
  const shared = {
    thread,
    handOff,
    activity,
    scoreboard,
    frontDoor,
    proxyHeaders,
    accessLog,
    meter,
    departures,
  }
  const adoption = new Adoption({
    listeners: addresses.flatMap((address) => address ?? []),
    learns,
    serviceFor: (server, origin) =>
      serviceForServer(server, terms, tls, { ...shared, root: origin }),
    notice: (text) => tell({ type: 'notice', text }),
    closed: leaveUnasked,
  })
  const handler = await load()
  const report = createReporter(port)
  const isLeaving = (): boolean => end !== undefined
  const own = { ...shared, root }
  const exported = await serviceForHandler(handler, terms, tls, own, isLeaving, report).catch(
    failed,
  )
  const serving = new Serving(exported, adoption)
  if (learns && adoption.asked.length > 0) {
    // The pool begins anew, and listens there.
    tell({ type: 'asks', asked: adoption.asked })
    return
  }

  if (!adoption.isAny) adoption.serveHandler()
  process.on('uncaughtExceptionMonitor', () => {
    tell({ type: 'dies', requests: serving.requests().slice(0, MOST_REQUESTS) })
  })

  port.on('message', (message: LeaseMessage) => {
    if (message.type === 'tls') return tls.renew(message.tls)
    if (message.type === 'code') return handOver((code) => tell({ type: 'code', code }))
    if (message.type === 'ends soon') return serving.endsSoon()
    if (message.type === 'rest')
      return void activity.rest(rest).then((isDone) => tell({ type: 'rested', isDone }))
    end = message
    // The loop below waits for a wake-up.
    handOff.wakeUps.wake(thread)
  })
  await ownWatch?.open()
  activity.start()
  // Only now that it counts as idle: one that is ready but not yet idle would make the spares start one more.
  tell({ type: 'ready', kinds: kinds(), threadId })
  diagnostics.threadState.publish({ state: 'ready' })
  await takeUntil(() => end !== undefined)
  root.run(() => diagnostics.threadState.publish({ state: 'leaving' }))
  pool.resign()

  activity.withdraw()
  ownWatch?.close()
  adoption.leave()
  if (end?.takeRest) serveRest()
  // Clients with long connections are told when the app hears of it, and come back all at once if no time lies between.
  const laterMs = Math.random() * terms.signalSpread
  if (laterMs === 0) root.run(() => leaving.abort())
  await serving.leave(end?.way ?? terms.wayAlone)
  if (laterMs > 0) {
    await Promise.race([sleep(laterMs, undefined, { ref: false }), serving.drained()])
    root.run(() => leaving.abort())
  }
  // Many apps call `process.exit` at once when they are told.
  if (isToldOfLeaving() && !kinds().some(isEndless)) await untilAnswered(activity)
  const isTold = root.run(sayGoodbye)
  await serving.drained()
  // It may come back.
  await departures?.settled()
  await serving.drained()
  // What the app does at its end, and after its server has closed, may take a moment; `process.exit` is its end as well.
  if (isTold) {
    await untilLoopIsIdle()
    // What the app begins at this word is waited for as well.
    if (root.run(sayNothingIsLeft)) await untilLoopIsIdle()
  }
  activity.close()
  await root.run(handler.teardown)
  diagnostics.threadState.publish({ state: 'over' })
  tell({ type: 'done' })
  port.close()
  // And does not return: only so Node runs the hooks of the process's exit in this thread.
  exit()

  function kinds(): readonly HandlerKind[] {
    if (adoption.isAny) return adoption.kinds
    const [clear, secure] =
      handler.kind === 'connection' ? (['raw', 'tls'] as const) : (['http', 'https'] as const)
    return terms.listenerTerms.map(({ isSecure }) => (isSecure ? secure : clear))
  }

  /** The app has closed a server: this thread finishes what it has, and another one takes its place. */
  function leaveUnasked(): void {
    if (end !== undefined) return
    end = { type: 'end', takeRest: false, way: terms.wayAlone }
    tell({ type: 'leaves', why: 'the program has closed its server' })
    activity.withdraw()
    handOff.wakeUps.wake(thread)
  }

  function watchListeners(): OwnWatch | undefined {
    if (!(mechanism instanceof ExclusiveMechanism) || terms.mechanism.kind !== 'exclusive')
      return undefined
    const onShortage = (error: unknown): void =>
      tell({ type: 'report', error: serializeError(error) })
    const { passOn } = terms.mechanism
    const own = new OwnWatch({
      ...{ memory: terms.memory, thread, passOn, acceptor, activity, onShortage },
    })
    mechanism.watch = own.watch
    // Its end may have to wait for jobs of the thread pool, and its event loop for them: nothing may go to it meanwhile.
    process.once('exit', () => {
      activity.withdraw()
      own.close()
    })
    return own
  }

  async function load(): Promise<LoadedHandler> {
    const tellFiles = terms.watch ? await watchFiles(port) : undefined
    try {
      const { signal } = leaving
      const who = { process: slot, thread, generation, pid: process.pid }
      const context = contextFor(who, signal, pool)
      setPoolThread(context)
      onRouteNamed((target, route) => activity.routeNamed(target, route))
      const loaded = await loadApp(terms, root, adoption, context)
      if (loaded.kind !== 'none' && loaded.kind !== 'server' && adoption.isAny)
        tell({
          type: 'notice',
          text: 'the module exports a handler and listens: its server is served',
        })
      return loaded
    } catch (error) {
      // Before the word that ends this: it is these files whose change will help.
      tellFiles?.()
      return failed(error)
    }
  }

  /** Piscina's own rejection would lose the class and the code of the error. */
  function failed(error: unknown): never {
    tell({ type: 'failed', error: serializeError(error) })
    throw error
  }

  async function takeUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      // Armed before the look at the queue: what is queued in between wakes this thread all the same.
      const woken = handOff.wakeUps.next(thread)
      activity.loopTurned()
      const fd = handOff.takeWhenWoken(thread)
      if (fd >= 0) activity.adopt(fd)
      await woken
      if (handOff.wakeUps.isCalledEarly(thread)) await immediate()
    }
  }

  function serveRest(): void {
    for (let fd = handOff.queue.take(thread); fd >= 0; fd = handOff.queue.take(thread))
      serving.serve(fd)
  }
}

/** Connections whose end only the app knows are in flight until it is told. */
function isEndless(kind: HandlerKind): boolean {
  return kind === 'raw' || kind === 'tls'
}

/** Only in development, so only then the inspector is loaded. */
async function watchFiles(port: MessagePort): Promise<() => void> {
  const { watchLoadedFiles } = await import('./loaded-files.js')
  return watchLoadedFiles((files) => {
    port.postMessage({ type: 'loaded', files } satisfies WorkerMessage)
  })
}
