import { fail, type SerializedError, serializeError } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'
import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import { RestartDelay } from '../shared/restart-delay.js'
import { SurplusClock } from '../shared/surplus-clock.js'
import type { HandlerKind, Range } from '../shared/terms.js'
import type { HandOff } from '../sync/hand-off.js'
import { MAX_THREADS } from '../sync/limits.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { Crew } from './crew.js'
import { recycleReason } from './decide-recycle.js'
import { decideThreads } from './decide-threads.js'
import type { LeaseTerms } from './lease-terms.js'
import { startOverdue, startTimeout } from './start-timeout.js'
import { livedMs, type ThreadDeaths } from './thread-deaths.js'
import type { WorkerThread } from './worker-thread.js'

export interface CrewSizeOptions {
  readonly start: StartChild
  readonly crew: Crew
  readonly terms: LeaseTerms
  readonly deaths: ThreadDeaths
  readonly handOff: HandOff
  readonly scoreboard: Scoreboard
  readonly report: (error: SerializedError, thread: number) => void
  readonly decision: (action: string, reason: string, thread?: number) => void
}

/** As many worker threads as the spares ask for, within the limits, and each that dies or is too old replaced. */
export class CrewSize {
  readonly #options: CrewSizeOptions
  #limits: Range
  #spares: Range
  readonly #delay = new RestartDelay({
    wait: (ms, reason) => this.#decided(`wait ${ms} ms before the next start`, reason),
    over: () => this.look(),
  })
  readonly #surplus = new SurplusClock()
  #lastRound = 0
  #recycled: WorkerThread | undefined
  #state: 'opening' | 'open' | 'ending' = 'opening'

  constructor(options: CrewSizeOptions) {
    this.#options = options
    this.#limits = options.start.threads
    this.#spares = options.start.spares
  }

  /** Starts `firstThreads` threads; resolves when all have loaded the handler, rejects with the error of one that could not. */
  async open(): Promise<readonly HandlerKind[]> {
    const { start } = this.#options
    const first = Array.from({ length: start.firstThreads }, () => this.#start())
    const overdue = startOverdue(first, start)
    const kinds = await Promise.race([Promise.all(first.map(({ ready }) => ready)), overdue.error])
    overdue.stop()
    for (const thread of first) this.#keep(thread)
    if (this.#state === 'opening') this.#state = 'open'
    return kinds[0] ?? []
  }

  /** Whether `look` could start another thread, so that it is worth being told when the last idle one becomes busy. */
  get canGrow(): boolean {
    const { crew } = this.#options
    const present = crew.count('ready') + crew.count('starting')
    return !this.#isEnding && present < this.#limits.max && crew.room > 0
  }

  /** New limits; the next looks bring the crew within them. */
  resize(threads: Range, spares: Range): void {
    this.#limits = threads
    this.#spares = spares
    this.look()
  }

  /** Compares what there is with what there should be, and starts, retires or recycles. */
  look(): void {
    if (this.#isEnding) return
    const { start, crew, handOff, scoreboard } = this.#options
    const idleHere = handOff.standings.idleCount
    const idleInPool = idleHere + crew.spare + scoreboard.spareElsewhere(start.slot)
    const decision = decideThreads({
      limits: this.#limits,
      spares: this.#spares,
      // The successor of one that is being replaced counts in its place.
      running: crew.count('ready') - (this.#recycled?.state === 'ready' ? 1 : 0),
      starting: crew.count('starting'),
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
      const started = Math.min(change, crew.room)
      if (started === 0) return
      this.#lastRound = started
      this.#surplus.restart()
      this.#decided(`start ${started} thread${started > 1 ? 's' : ''}`, reason)
      for (let more = started; more > 0; more--) this.#startKept()
    }
  }

  /** Ends the whole crew; see `Crew.endAll`. */
  async endAll(way: WayOfLeaving): Promise<void> {
    this.#state = 'ending'
    this.#delay.stop()
    await this.#options.crew.endAll(way)
  }

  get #isEnding(): boolean {
    return this.#state === 'ending'
  }

  /** Whether no child in a slot before this one could do without one of its threads. */
  #isFirstToShrink(): boolean {
    const { start, scoreboard } = this.#options
    for (let slot = 0; slot < start.slot; slot++) {
      if (scoreboard.field(slot, 'serving') !== 1) continue
      if (scoreboard.field(slot, 'idleWord') === 0) continue
      let threads = 0
      for (let thread = 0; thread < MAX_THREADS; thread++)
        if (!'.G'.includes(scoreboard.rows.read(slot, thread).state)) threads++
      if (threads > this.#limits.min) return false
    }
    return true
  }

  #start(): WorkerThread {
    return this.#options.crew.start(this.#patienceMs, this.#follow)
  }

  /** How long a program may take until it listens. The parent counts from the start of this process. */
  get #patienceMs(): number {
    const { startTimeout } = this.#options.start
    if (this.#state !== 'opening') return startTimeout
    return Math.max(startTimeout - process.uptime() * 1000, 0)
  }

  /** Starts a thread of an open crew: a failure is reported and tried again later. */
  #startKept(): WorkerThread {
    const { start, report } = this.#options
    const thread = this.#start()
    const late = setTimeout(async () => {
      const who = `Thread ${thread.id} of child ${process.pid}`
      thread.kill(await startTimeout(who, [thread], start))
    }, start.startTimeout)
    thread.ready.then(
      () => {
        clearTimeout(late)
        this.#delay.startSucceeded()
        thread.askForCode()
        this.#keep(thread)
      },
      (error: unknown) => {
        clearTimeout(late)
        report(serializeError(error), thread.id)
        if (!this.#isEnding) this.#delay.startFailed()
      },
    )
    return thread
  }

  /** Reports a ready thread that dies, and has it replaced. */
  #keep(thread: WorkerThread): void {
    thread.over.catch((error: unknown) => {
      const isDeath = this.#options.deaths.tell(thread, error)
      if (isDeath && !this.#isEnding) this.#delay.died(`thread ${thread.id}`, livedMs(thread))
    })
  }

  /** A thread leaves by itself, and is followed by another one. */
  readonly #follow = (thread: WorkerThread, why: string): void => {
    this.#decided(`replace thread ${thread.id}`, why)
    // A program that does so again and again must not make this child start threads all the time.
    if (!this.#isEnding) this.#delay.died(`thread ${thread.id}`, livedMs(thread))
    this.#limitDrain(thread)
    this.look()
  }

  /** The idle thread with the fewest open connections has the least to lose. */
  #retireOne(reason: string): void {
    const { start, crew, scoreboard } = this.#options
    let least: { readonly thread: WorkerThread; readonly connections: number } | undefined
    for (const thread of crew.threads) {
      if (thread.state !== 'ready' || thread === this.#recycled) continue
      const { connections, inFlight } = scoreboard.rows.read(start.slot, thread.id)
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
    thread.end(false, this.#options.terms.wayAlone)
    this.#limitDrain(thread)
  }

  #limitDrain(thread: WorkerThread): void {
    const { drainTimeout } = this.#options.start
    const late = setTimeout(() => {
      thread.kill(fail('FT_ERR_DRAIN_TIMEOUT', [`thread ${thread.id}`, drainTimeout]))
    }, drainTimeout)
    const settle = (): void => clearTimeout(late)
    thread.over.then(settle, settle)
  }

  /** One thread at a time; its successor is ready first. */
  #recycleOne(): void {
    const { start, crew, scoreboard } = this.#options
    if (this.#recycled !== undefined || this.#delay.isWaiting || crew.room === 0) return
    const { slot, recycle } = start
    for (const thread of crew.threads) {
      if (thread.state !== 'ready') continue
      const { id, startedMs } = thread
      const { requests, heapBytes } = scoreboard.rows.read(slot, id)
      const reason = recycleReason({ thread: id, startedMs, requests, heapBytes, recycle })
      if (reason === undefined) continue
      this.#recycled = thread
      this.#decided(`recycle thread ${id}`, reason, id)
      const forget = (): void => {
        if (this.#recycled === thread) this.#recycled = undefined
      }
      thread.over.then(forget, forget)
      this.#startKept().ready.then(() => this.#retire(thread), forget)
      return
    }
  }

  #decided(action: string, reason: string, thread?: number): void {
    this.#options.decision(action, reason, thread)
  }
}
