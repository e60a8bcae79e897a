import type { AccessLogTerms } from '../shared/access-log.js'
import { ForkthreadError, fail, serializeError } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'
import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import { RestartDelay } from '../shared/restart-delay.js'
import type { StandardTerms } from '../shared/standard-output.js'
import { SurplusClock } from '../shared/surplus-clock.js'
import type { HandlerKind, Range, TlsTerms } from '../shared/terms.js'
import { userStack } from '../shared/user-stack.js'
import { LockOwner } from '../sync/child-memory.js'
import { monotonicMs } from '../sync/clock.js'
import type { MechanismTerms } from '../sync/create-mechanism.js'
import type { HandOff } from '../sync/hand-off.js'
import { MAX_THREADS } from '../sync/limits.js'
import type { OutputTerms } from '../sync/line-output.js'
import { type ListenerAddress, listenerAddresses } from '../sync/listener-addresses.js'
import type { ParkingTerms } from '../sync/parking.js'
import { PendingBytes } from '../sync/pending-bytes.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { emptyRow } from '../sync/thread-rows.js'
import { decideThreads } from './decide-threads.js'
import { LeftPrograms } from './left-programs.js'
import { startOverdue, startTimeout } from './start-timeout.js'
import { type ThreadEvents, WorkerThread } from './worker-thread.js'

/** Room for the lines of requests that a thread has yet to write. */
const ACCESS_LOG_BYTES = 2 ** 18

/** Where threads write. */
export interface ThreadOutput {
  readonly standard: StandardTerms
  readonly accessLog: OutputTerms | undefined
}

export interface CrewEvents extends Omit<ThreadEvents, 'leaves'> {
  readonly decision: (action: string, reason: string, thread?: number) => void
  readonly thread: (phase: 'ready' | 'over', thread: number) => void
  /** The thread is over, and what it had in hand is on its way to the others. */
  readonly gone: (thread: number) => void
}

/** The worker threads of this child: as many as the spares ask for, within the limits, and each that dies replaced. */
export class Crew {
  readonly #start: StartChild
  readonly #mechanism: MechanismTerms
  readonly #parking: ParkingTerms | undefined
  readonly #memory: SharedArrayBuffer
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  readonly #output: ThreadOutput
  readonly #events: CrewEvents
  readonly #addresses: readonly ListenerAddress[]
  readonly #threads = new Map<number, WorkerThread>()
  #tls: readonly TlsTerms[]
  readonly #programs = new LeftPrograms()
  #limits: Range
  #spares: Range
  readonly #delay = new RestartDelay({
    wait: (ms, reason) => this.#decided(`wait ${ms} ms before the next start`, reason),
    over: () => this.look(),
  })
  /** What a thread that is gone had in flight, in words. */
  readonly #lost = new WeakMap<WorkerThread, string>()
  readonly #surplus = new SurplusClock()
  #lastRound = 0
  #recycled: WorkerThread | undefined
  #isOpen = false
  #isEnding = false

  constructor(
    start: StartChild,
    mechanism: MechanismTerms,
    parking: ParkingTerms | undefined,
    memory: SharedArrayBuffer,
    handOff: HandOff,
    scoreboard: Scoreboard,
    output: ThreadOutput,
    events: CrewEvents,
  ) {
    this.#start = start
    this.#mechanism = mechanism
    this.#addresses = listenerAddresses(start.listeners)
    this.#parking = parking
    this.#memory = memory
    this.#handOff = handOff
    this.#scoreboard = scoreboard
    this.#output = output
    this.#events = events
    this.#tls = start.tls
    this.#limits = start.threads
    this.#spares = start.spares
  }

  /** Starts `firstThreads` threads; resolves when all have loaded the handler, rejects with the error of one that could not. */
  async open(): Promise<readonly HandlerKind[]> {
    const first = Array.from({ length: this.#start.firstThreads }, () => this.#startThread())
    const overdue = startOverdue(first, this.#start)
    const kinds = await Promise.race([Promise.all(first.map(({ ready }) => ready)), overdue.error])
    overdue.stop()
    for (const thread of first) this.#keep(thread)
    this.#isOpen = true
    return kinds[0] ?? []
  }

  get threads(): Iterable<WorkerThread> {
    return this.#threads.values()
  }

  /** Whether `look` could start another thread, so that it is worth being told when the last idle one becomes busy. */
  get canGrow(): boolean {
    return !this.#isEnding && this.#present < this.#limits.max && this.#room > 0
  }

  /** New limits; the next looks bring the crew within them. */
  resize(threads: Range, spares: Range): void {
    this.#limits = threads
    this.#spares = spares
    this.look()
  }

  /** A message on a channel, for all threads but the one that it came from. */
  broadcast(name: string, data: string, except: number): void {
    for (const thread of this.#threads.values())
      if (thread.id !== except) thread.pool.deliver(name, data)
  }

  /** Messages were lost on their way to this child. */
  lost(count: number): void {
    for (const thread of this.#threads.values()) thread.pool.lost(count)
  }

  /** If the thread is over, the parent hears of that. */
  lead(thread: number): void {
    this.#threads.get(thread)?.pool.lead()
  }

  /** New certificates, for the threads that run and those to come. */
  renewTls(tls: readonly TlsTerms[]): void {
    this.#tls = tls
    for (const thread of this.#threads.values()) thread.renewTls(tls)
  }

  /** Compares what there is with what there should be, and starts, retires or recycles. */
  look(): void {
    this.#programs.look()
    if (this.#isEnding) return
    const slot = this.#start.slot
    const starting = this.#count('starting')
    const idleHere = this.#handOff.standings.idleCount
    const idleInPool = idleHere + this.#spare + this.#scoreboard.spareElsewhere(slot)
    const decision = decideThreads({
      limits: this.#limits,
      spares: this.#spares,
      // The successor of one that is being replaced counts in its place.
      running: this.#count('ready') - (this.#recycled?.state === 'ready' ? 1 : 0),
      starting,
      idleHere,
      idleInPool,
      surplusMs: this.#surplus.look(idleInPool > this.#spares.max, performance.now()),
      givenBackMs: this.#surplus.givenBackMs,
      isFirst: this.#isFirstToShrink(),
      lastRound: this.#lastRound,
    })
    this.#lastRound = 0
    if (decision === undefined) {
      this.#recycleOne()
      return
    }
    const { change, reason } = decision
    if (change < 0) {
      this.#surplus.gaveBack()
      for (let more = change; more < 0; more++) this.#retireOne(reason)
    } else if (!this.#delay.isWaiting) {
      const started = Math.min(change, this.#room)
      if (started === 0) return
      this.#lastRound = started
      this.#surplus.restart()
      this.#decided(`start ${started} thread${started > 1 ? 's' : ''}`, reason)
      for (let more = started; more > 0; more--) this.#startKept()
    }
  }

  /** Whether no child in a slot before this one could do without one of its threads. */
  #isFirstToShrink(): boolean {
    for (let slot = 0; slot < this.#start.slot; slot++) {
      if (this.#scoreboard.field(slot, 'serving') !== 1) continue
      if (this.#scoreboard.field(slot, 'idleWord') === 0) continue
      let threads = 0
      for (let thread = 0; thread < MAX_THREADS; thread++)
        if (!'.G'.includes(this.#scoreboard.rows.read(slot, thread).state)) threads++
      if (threads > this.#limits.min) return false
    }
    return true
  }

  /** The whole pool ends: no response from here on keeps its connection. */
  endsSoon(): void {
    for (const thread of this.#threads.values()) thread.endsSoon()
  }

  /** Ends all leases: threads finish what they have, and what is still queued. Resolves when all are over. */
  async endAll(way: WayOfLeaving): Promise<void> {
    this.#isEnding = true
    this.#delay.stop()
    const all = [...this.#threads.values()]
    for (const thread of all) thread.end(true, way)
    await Promise.allSettled(all.map(({ over }) => over))
  }

  /** Ends a thread at once, for `reason`; it is replaced. */
  kill(thread: WorkerThread, reason: Error): void {
    thread.kill(reason)
  }

  get #present(): number {
    return this.#count('ready') + this.#count('starting')
  }

  /** Places for threads: those that leave keep theirs until they are over. */
  get #room(): number {
    return MAX_THREADS - this.#threads.size
  }

  /** Threads that will idle in a moment: those that start, and one that gives back memory. */
  get #spare(): number {
    let spare = 0
    for (const thread of this.#threads.values())
      if (thread.state === 'starting' || thread.isResting) spare++
    return spare
  }

  #count(state: WorkerThread['state']): number {
    let count = 0
    for (const thread of this.#threads.values()) if (thread.state === state) count++
    return count
  }

  /** Starts a thread of an open crew: a failure is reported and tried again later. */
  #startKept(): WorkerThread {
    const thread = this.#startThread()
    const late = setTimeout(async () => {
      const who = `Thread ${thread.id} of child ${process.pid}`
      thread.kill(await startTimeout(who, [thread], this.#start))
    }, this.#start.startTimeout)
    thread.ready.then(
      () => {
        clearTimeout(late)
        this.#delay.startSucceeded()
        this.#keep(thread)
      },
      (error: unknown) => {
        clearTimeout(late)
        this.#events.report(serializeError(error), thread.id)
        if (!this.#isEnding) this.#delay.startFailed()
      },
    )
    return thread
  }

  /** Reports a ready thread that dies, and has it replaced. */
  #keep(thread: WorkerThread): void {
    thread.over.catch((error: unknown) => {
      const { slot } = this.#start
      if (isCutOff(error)) {
        // Planned, if not by its clients: it is no death, and nothing is wrong with the next start.
        error.cause = new Error(`It had ${this.#lost.get(thread)}`)
        this.#events.report(serializeError(error), thread.id)
        return
      }
      this.#scoreboard.addToField(slot, 'threadDeaths', 1)
      const livedMs = monotonicMs() - thread.startedMs
      const lived = `after ${(livedMs / 1000).toFixed(1)} s, with ${this.#lost.get(thread)}`
      const died = fail('FT_ERR_THREAD_DIED', [process.pid, thread.id, lived, why(error)], error)
      this.#events.report(serializeError(died), thread.id)
      if (!this.#isEnding) this.#delay.died(`thread ${thread.id}`, livedMs)
    })
  }

  #startThread(): WorkerThread {
    const { slot, generation, handler, args, learns, timeouts, overload, watch } = this.#start
    const { keepAlive, mailbox, slowThreshold, scoreboard, listenerTerms, ticketKeys } = this.#start
    const thread = this.#freeId()
    this.#scoreboard.rows.write(slot, thread, emptyRow('S'))
    // Not that of the thread that was in this place before.
    this.#scoreboard.rows.writeRequest(slot, thread, '')
    this.#scoreboard.rows.writeUpgraded(slot, thread, 0)
    const terms = {
      slot,
      thread,
      generation,
      handler,
      args,
      learns,
      listenWithinMs: this.#patienceMs,
      signalSpread: this.#start.signalSpread,
      timeouts,
      overload,
      slowThreshold,
      addresses: this.#addresses,
      listenerTerms,
      tls: this.#tls,
      ticketKeys,
      watch,
      memory: this.#memory,
      mechanism: this.#mechanism,
      keepAlive,
      mailbox,
      parking: this.#parking,
      transfer: this.#start.transfer,
      drainTimeout: this.#start.drainTimeout,
      wayAlone: this.#wayAlone,
      inspect: this.#start.inspect,
      scoreboard,
      standard: this.#output.standard,
      threadPrefix: this.#start.threadPrefix,
      accessLog: this.#accessLogTerms(),
    }
    const { execArgv, env, resourceLimits } = this.#start
    const started = new WorkerThread(
      terms,
      { execArgv, env, resourceLimits },
      {
        ...this.#events,
        leaves: (leaving, why) => this.#follow(leaving, why),
      },
      this.#programs,
    )
    this.#threads.set(thread, started)
    const forget = (): void => {
      this.#threads.delete(thread)
      if (this.#recycled === started) this.#recycled = undefined
      // What it had in hand goes to the others a moment later; nobody waits for that.
      void this.#handOff.recover(LockOwner.control, thread)
      this.#events.gone(thread)
      this.#events.thread('over', thread)
      this.#lost.set(started, this.#inFlightOf(started))
      this.#scoreboard.retireThread(slot, thread)
    }
    started.over.then(forget, forget)
    started.ready.then(
      () => this.#events.thread('ready', thread),
      () => undefined,
    )
    return started
  }

  #accessLogTerms(): AccessLogTerms | undefined {
    const { accessLog } = this.#start
    const { accessLog: terms } = this.#output
    if (accessLog === undefined || terms === undefined) return undefined
    return { format: accessLog.format, terms, pending: PendingBytes.shared(ACCESS_LOG_BYTES) }
  }

  /** The idle thread with the fewest open connections has the least to lose. */
  #retireOne(reason: string): void {
    const { slot } = this.#start
    let least: { readonly thread: WorkerThread; readonly connections: number } | undefined
    for (const thread of this.#threads.values()) {
      if (thread.state !== 'ready' || thread === this.#recycled) continue
      const { connections, inFlight } = this.#scoreboard.rows.read(slot, thread.id)
      // A busy one is chosen only where there are more threads than allowed.
      const cost = connections + inFlight * MAX_THREADS
      if (least === undefined || cost < least.connections) least = { thread, connections: cost }
    }
    if (least === undefined) return
    this.#decided(`retire thread ${least.thread.id}`, reason, least.thread.id)
    this.#retire(least.thread)
  }

  #retire(thread: WorkerThread): void {
    // It has been told so already, and not as one that leaves alone.
    if (this.#isEnding) return
    thread.end(false, this.#wayAlone)
    this.#limitDrain(thread)
  }

  get #wayAlone(): WayOfLeaving {
    const { drainTimeout, timeouts, shutdownIdleTimeout } = this.#start
    const usualMs = timeouts.keepAliveTimeout || Number.POSITIVE_INFINITY
    const idleMs = Math.min(usualMs, drainTimeout * 0.8)
    return { to: 'process', idleMs, unmovedIdleMs: Math.min(idleMs, shutdownIdleTimeout) }
  }

  #limitDrain(thread: WorkerThread): void {
    const { drainTimeout } = this.#start
    const late = setTimeout(() => {
      thread.kill(fail('FT_ERR_DRAIN_TIMEOUT', [`thread ${thread.id}`, drainTimeout]))
    }, drainTimeout)
    const settle = (): void => clearTimeout(late)
    thread.over.then(settle, settle)
  }

  /** One thread at a time goes for its age in requests or the size of its heap; its successor is ready first. */
  #recycleOne(): void {
    if (this.#recycled !== undefined || this.#delay.isWaiting || this.#room === 0) return
    const { slot, recycle } = this.#start
    for (const thread of this.#threads.values()) {
      if (thread.state !== 'ready') continue
      const { requests, heapBytes } = this.#scoreboard.rows.read(slot, thread.id)
      const reason =
        recycle.requests > 0 && requests >= jitter(recycle.requests, thread)
          ? `it served ${requests} requests, recycleRequests is ${recycle.requests}`
          : recycle.heap > 0 && heapBytes >= recycle.heap
            ? `its heap has ${heapBytes} bytes, recycleHeap is ${recycle.heap}`
            : undefined
      if (reason === undefined) continue
      this.#recycled = thread
      this.#decided(`recycle thread ${thread.id}`, reason, thread.id)
      const abandon = (): void => {
        if (this.#recycled === thread) this.#recycled = undefined
      }
      this.#startKept().ready.then(() => this.#retire(thread), abandon)
      return
    }
  }

  /** A thread leaves by itself, and is followed by another one. */
  #follow(thread: WorkerThread, why: string): void {
    this.#decided(`replace thread ${thread.id}`, why)
    // A program that does so again and again must not make this child start threads all the time.
    if (!this.#isEnding) this.#delay.died(`thread ${thread.id}`, monotonicMs() - thread.startedMs)
    this.#limitDrain(thread)
    this.look()
  }

  /** How long a program may take until it listens. The parent counts from the start of this process. */
  get #patienceMs(): number {
    const { startTimeout } = this.#start
    return this.#isOpen ? startTimeout : Math.max(startTimeout - process.uptime() * 1000, 0)
  }

  #inFlightOf({ id: thread, requests }: WorkerThread): string {
    const { slot } = this.#start
    const { inFlight } = this.#scoreboard.rows.read(slot, thread)
    if (inFlight === 0) return 'nothing in flight'
    const last = this.#scoreboard.rows.readRequest(slot, thread)
    const others = requests.filter((request) => request !== last).join(', ')
    const also = others === '' ? '' : `; also ${others}`
    return `${inFlight} in flight (${inFlight > 1 ? 'the last begun: ' : ''}${last}${also})`
  }

  #decided(action: string, reason: string, thread?: number): void {
    this.#events.decision(action, reason, thread)
  }

  #freeId(): number {
    for (let id = 0; id < MAX_THREADS; id++) if (!this.#threads.has(id)) return id
    throw new Error('unreachable: more threads than MAX_THREADS')
  }
}

/** Threads that started together shall not all be recycled together: up to a tenth later, the same for each look. */
function jitter(limit: number, thread: WorkerThread): number {
  return limit * (1 + ((Math.floor(thread.startedMs) + thread.id * 37) % 100) / 1000)
}

function isCutOff(error: unknown): error is ForkthreadError {
  return error instanceof ForkthreadError && error.code === 'FT_ERR_DRAIN_TIMEOUT'
}

function why(error: unknown): string {
  // Where it was noticed says nothing.
  if (error instanceof ForkthreadError && error.code === 'FT_ERR_THREAD_EXIT') return error.message
  return userStack(error)
}
