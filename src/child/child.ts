import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail, type SerializedError, serializeError } from '../shared/errors.js'
import type {
  CaptureThread,
  ChannelLost,
  ChannelToChild,
  DrainChild,
  LeadPool,
  ResizeChild,
  StartChild,
} from '../shared/messages-to-child.js'
import type { ChildMessage } from '../shared/messages-to-parent.js'
import {
  finish,
  type StandardOutput,
  type StandardTerms,
  takeOver,
} from '../shared/standard-output.js'
import type { TlsTerms } from '../shared/terms.js'
import { Acceptor } from '../sync/acceptor.js'
import { createChildMemory } from '../sync/child-memory.js'
import { ClearHttp } from '../sync/clear-http.js'
import { createMechanism, type MechanismTerms } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { Mailbox } from '../sync/mailbox.js'
import { Parking, type ParkingTerms } from '../sync/parking.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { Transfer } from '../sync/transfer.js'
import { MOST_OF_DRAIN } from '../sync/transit-watch.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { Epoll } from '../sys/epoll.js'
import { openEventDescriptor } from '../sys/event-descriptor.js'
import { exitImmediately } from '../sys/exit.js'
import type { AccessLogFile } from './access-log-file.js'
import { BlockedWatch } from './blocked-watch.js'
import { captureThread } from './capture-thread.js'
import { Crew, type CrewEvents } from './crew.js'
import { CrewSize } from './crew-size.js'
import { LeaseTerms } from './lease-terms.js'
import { ListenerThread } from './listener-thread.js'
import { ParkerThread } from './parker-thread.js'
import { RestWatch } from './rest-watch.js'
import { acceptRest, serveMailbox } from './serve-what-waits.js'
import { SlowWatch } from './slow-watch.js'
import { ThreadDeaths } from './thread-deaths.js'
import { stackOf } from './thread-stack.js'
import type { WorkerThread } from './worker-thread.js'

/** How often a child looks at its size and its threads when nothing makes it look earlier. */
const LOOK_EVERY_MS = 1000

/** After a look because of pressure: how long the next one waits, when threads can be added and when only processes can. */
const PRESSURE_PAUSE_MS = 20
const FULL_PAUSE_MS = 250

/** How long a drained child waits for the end of its listener thread. */
const LAST_THREAD_MS = 100

/** What a leaving child is to do beside what it has. */
export type DrainTerms = Pick<DrainChild, 'emptyMailbox' | 'moves'> &
  Partial<Pick<DrainChild, 'backlogs'>>

/** Where what is printed goes. */
export interface ChildOutput {
  readonly standard: StandardTerms
  readonly output: StandardOutput
  readonly accessLog: AccessLogFile | undefined
}

/** A child process from its start message on: one listener thread, some worker threads. */
export class Child {
  readonly #start: StartChild
  readonly #scoreboard: Scoreboard
  readonly #handOff: HandOff
  readonly #clearHttp: ClearHttp
  readonly #crew: Crew
  readonly #size: CrewSize
  readonly #listener: ListenerThread
  readonly #mailbox: Mailbox | undefined
  readonly #parker: ParkerThread | undefined
  readonly #blocked: BlockedWatch
  readonly #slow: SlowWatch
  readonly #rest: RestWatch
  readonly #output: StandardOutput
  readonly #send: (message: ChildMessage) => Promise<void>
  readonly #looks: NodeJS.Timeout[] = []
  #drained: Promise<void> | undefined
  /** As the parent has said it last. */
  #terms: DrainTerms = { emptyMailbox: false, moves: false }
  #drainedFrom = 0
  #hasToldOfMoves = false

  constructor(
    start: StartChild,
    lockFiles: readonly number[],
    { standard, output, accessLog }: ChildOutput,
    send: (message: ChildMessage) => Promise<void>,
  ) {
    this.#start = start
    this.#output = output
    this.#send = send
    const scoreboard = Scoreboard.map(start.scoreboard)
    if (!scoreboard.isFormatted) throw new Error('the inherited descriptor is not a scoreboard')
    this.#scoreboard = scoreboard
    const memory = createChildMemory()
    this.#clearHttp = new ClearHttp(memory)
    const mechanism = mechanismTerms(start, lockFiles)
    const mailbox = start.mailbox === undefined ? undefined : new Mailbox(start.mailbox, scoreboard)
    this.#mailbox = mailbox
    const acceptor = new Acceptor(start.listeners, mailbox, memory)
    const ours = createMechanism(mechanism, memory, acceptor)
    const handOff = new HandOff(memory, scoreboard, start.slot, ours)
    this.#handOff = handOff
    const report = (error: SerializedError, thread?: number): void =>
      void send({ type: 'report', error, ...(thread === undefined ? {} : { thread }) })
    const parking = parkingTerms(start)
    this.#parker = parkerThread(start, mechanism, parking, memory, handOff, scoreboard, report)
    const shared = { memory, mechanism, parking }
    const terms = new LeaseTerms(start, shared, { standard, accessLog: accessLog?.terms })
    const { slot, blockedTimeout, slowThreshold } = start
    const deaths = new ThreadDeaths(slot, scoreboard, report)
    const events = this.#crewEvents(report, output, accessLog)
    this.#crew = new Crew({ start, terms, deaths, handOff, scoreboard, events })
    this.#size = new CrewSize({
      ...{ start, crew: this.#crew, terms, deaths, handOff, scoreboard, report },
      decision: (action, reason, thread) =>
        void send({
          type: 'decision',
          action,
          reason,
          ...(thread === undefined ? {} : { thread }),
        }),
    })
    this.#blocked = new BlockedWatch(slot, blockedTimeout, this.#crew, handOff, scoreboard)
    this.#slow = new SlowWatch(
      slot,
      slowThreshold,
      this.#crew,
      handOff,
      scoreboard,
      (episode) => void send({ type: 'slow', episode }),
    )
    this.#rest = new RestWatch(slot, this.#crew, handOff, scoreboard)
    // It may start before the worker threads: it waits until one of them can take something.
    this.#listener = new ListenerThread(start, mechanism, memory, handOff, scoreboard, report)
    this.#listener.failure().catch((error: unknown) => this.#giveUp(error))
    void this.#open()
  }

  #crewEvents(
    report: CrewEvents['report'],
    output: StandardOutput,
    accessLog: AccessLogFile | undefined,
  ): CrewEvents {
    const send = this.#send
    return {
      report,
      thread: (phase, thread) => void send({ type: 'thread', phase, thread }),
      loaded: (files) => void send({ type: 'loaded', files }),
      notice: (text) => void send({ type: 'notice', text }),
      asks: (asked) => void send({ type: 'asks', asked }),
      posted: (thread, name, data, sent) =>
        void send({ type: 'channel', name, data, thread }).then(sent),
      resigned: (thread) => void send({ type: 'resigned', thread }),
      wantsParker: () => this.#parker?.start(),
      moves: () => this.#tellOfMoves(),
      gone: (thread) => this.#parker?.recover(thread),
      left: (lease) => {
        takeOver(output, lease.pending)
        if (lease.accessLog !== undefined) accessLog?.takeOver(lease.accessLog.pending)
      },
    }
  }

  /**
   * Stops accepting, finishes what there is; also what waits in the kernel by now, for the listeners in `backlogs` (all, if it is not given).
   * Said once more, it means that others leave, too, on whom this child counts.
   */
  async drain(terms: DrainTerms): Promise<void> {
    if (this.#drained === undefined) {
      this.#terms = terms
      this.#drained = this.#drainOnce()
    } else this.#othersLeave(terms)
    await this.#drained
  }

  #othersLeave({ emptyMailbox, moves }: DrainTerms): void {
    const before = this.#terms
    this.#terms = {
      ...before,
      emptyMailbox: before.emptyMailbox || emptyMailbox,
      moves: before.moves && moves,
    }
    if (!before.moves) return
    if (emptyMailbox) this.#parker?.redirect(moves ? 'moveAll' : 'close')
    // After that: from here on threads ask all of their clients to go.
    if (!moves) this.#crew.endsSoon()
  }

  get #moves(): boolean {
    return this.#terms.moves && this.#start.transfer !== undefined
  }

  /** Others leave: what they had parked is parked here. */
  receive(takes: boolean): void {
    if (this.#drained === undefined) this.#parker?.receive(takes)
  }

  /**
   * Drained: whether no thread of this child runs any more, so that the process can exit as any other does. Node's exit waits for
   * its threads, and the listener thread may sleep in C code for ever.
   */
  async hasOnlyMainThread(): Promise<boolean> {
    return await this.#listener.hasEndedWithin(LAST_THREAD_MS)
  }

  /** Removes what a parent that died has left on disk; a living one does it itself. */
  removeLeftovers(): void {
    const { lockFolder } = this.#start
    if (process.connected || lockFolder === undefined) return
    try {
      rmSync(lockFolder, { recursive: true, force: true })
    } catch {
      // This user may not write in the folder for temporary files, and the parent could. Nothing better is left to do.
    }
  }

  /** See `captureThread`. */
  async capture({ id, thread, kind, seconds }: CaptureThread): Promise<void> {
    try {
      const worker = [...this.#crew.threads].find((one) => one.id === thread)
      const threadId = worker?.threadId
      if (worker === undefined || threadId === undefined)
        throw new Error(`there is no thread ${thread} that is ready`)
      if (kind === 'kill') {
        const stack = await this.#kill(worker)
        this.#send({ type: 'captured', id, stack })
        return
      }
      const captured = { threadId, heapSnapshot: () => worker.heapSnapshot() }
      this.#send({ type: 'captured', id, path: await captureThread(captured, kind, seconds) })
    } catch (error) {
      this.#send({ type: 'captured', id, error: serializeError(error) })
    }
  }

  async #kill(worker: WorkerThread): Promise<readonly string[]> {
    const request = this.#scoreboard.rows.readRequest(this.#start.slot, worker.id)
    const stack = worker.threadId === undefined ? [] : await stackOf(worker.threadId)
    const error = fail('FT_ERR_THREAD_KILLED', [request])
    error.stack = [`${error.name}: ${error.message}`, ...stack].join('\n    at ')
    worker.kill(error)
    return stack
  }

  resize({ threads, spares }: ResizeChild): void {
    this.#size.resize(threads, spares)
  }

  /** What the parent says to the threads of the whole pool. */
  tellThreads(message: ChannelToChild | ChannelLost | LeadPool): void {
    if (message.type === 'channel') this.#crew.broadcast(message.name, message.data, message.except)
    else if (message.type === 'lead') this.#crew.lead(message.thread)
    else this.#crew.lost(message.count)
  }

  renewTls(tls: readonly TlsTerms[]): void {
    this.#crew.renewTls(tls)
  }

  async #drainOnce(): Promise<void> {
    this.#drainedFrom = performance.now()
    for (const look of this.#looks) clearInterval(look)
    this.#slow.stop()
    this.#scoreboard.setField(this.#start.slot, 'serving', 0)
    await this.#listener.stop()
    if (!this.#terms.moves) this.#crew.endsSoon()
    if (this.#moves && (this.#parker?.parkedCount ?? 0) > 0) this.#tellOfMoves()
    const moveOut = this.#terms.emptyMailbox ? 'moveAll' : 'move'
    const way = this.#moves ? moveOut : 'close'
    // The threads serve on meanwhile, what is accepted and what was parked.
    const [hasSentOut] = await Promise.all([
      this.#parker?.sendOut(way, this.#start.drainTimeout * MOST_OF_DRAIN),
      this.#serveWaiting(),
    ])
    const isStuck = way !== 'close' && hasSentOut === false
    if (isStuck) await this.#closeUnmoved()
    // Of a pool that ends, too, one may have been in use just now.
    const isLate = this.#moves || this.#start.shutdownIdleTimeout > 0
    await this.#parker?.stop(isLate ? 'queue' : 'close')
    // What the parker put in behind the first look.
    await this.#serveMailbox()
    const poolStays = this.#terms.moves && !isStuck
    await this.#size.endAll({
      to: this.#moves && !isStuck ? 'pool' : 'nobody',
      idleMs: this.#mostIdleMs(poolStays),
      unmovedIdleMs: this.#mostIdleMs(false),
    })
    this.removeLeftovers()
  }

  /** Nobody had room for them, or is left: they go as at the end of the pool. */
  async #closeUnmoved(): Promise<void> {
    this.#crew.endsSoon()
    const isGone = this.#parker?.sendOut('close', this.#start.drainTimeout * MOST_OF_DRAIN)
    const unmoved = (this.#parker?.parkedCount ?? 0) + ((await this.#parker?.takeBack()) ?? 0)
    if (this.#moves) this.#scoreboard.addToField(this.#start.slot, 'unmoved', unmoved)
    await isGone
  }

  /** What nobody else serves: waiting in backlogs that end, and in the mailbox. */
  async #serveWaiting(): Promise<void> {
    const { listeners } = this.#start
    const { backlogs } = this.#terms
    const isEnding = (index: number): boolean => backlogs?.includes(index) ?? true
    if (listeners.some((_, index) => isEnding(index)))
      await acceptRest(listeners, isEnding, this.#handOff)
    await this.#serveMailbox()
    // The last process to close them makes the kernel refuse connections.
    for (const listener of listeners) closeDescriptor(listener)
  }

  async #serveMailbox(): Promise<void> {
    if (this.#terms.emptyMailbox && this.#mailbox !== undefined)
      await serveMailbox(this.#mailbox, this.#handOff)
  }

  /**
   * How long a connection may be idle that stays with its thread until its next response. If the pool stays, it is as long as ever, but
   * not so long that the end of the patience with this process meets it.
   */
  #mostIdleMs(poolStays: boolean): number {
    const { shutdownIdleTimeout, drainTimeout, timeouts } = this.#start
    const usualMs = timeouts.keepAliveTimeout || Number.POSITIVE_INFINITY
    const leftMs = drainTimeout * 0.8 - (performance.now() - this.#drainedFrom)
    return Math.max(0, Math.min(poolStays ? usualMs : shutdownIdleTimeout, usualMs, leftMs))
  }

  #tellOfMoves(): void {
    if (this.#hasToldOfMoves) return
    this.#hasToldOfMoves = true
    void this.#send({ type: 'moves' })
  }

  async #open(): Promise<void> {
    try {
      const kinds = await this.#size.open()
      if (this.#drained !== undefined) return
      this.#clearHttp.note(kinds)
      this.#scoreboard.setField(this.#start.slot, 'serving', 1)
      this.#send({ type: 'ready', kinds })
    } catch (error) {
      this.#giveUp(error)
      return
    }
    this.#looks.push(
      setInterval(() => {
        this.#crew.reapPrograms()
        this.#size.look()
        this.#rest.look()
        this.#slow.lookForWork()
      }, LOOK_EVERY_MS),
      setInterval(() => this.#blocked.look(), this.#blocked.everyMs),
    )
    if (this.#start.slowThreshold > 0) this.#slow.start()
    await this.#followPressure()
  }

  /** A burst is answered within milliseconds, not at the next regular look. */
  async #followPressure(): Promise<void> {
    while (this.#drained === undefined) {
      await this.#handOff.standings.nextPressure()
      if (this.#size.canGrow) {
        this.#size.look()
        await sleep(PRESSURE_PAUSE_MS)
      } else {
        if (this.#scoreboard.spareElsewhere(this.#start.slot) === 0)
          this.#send({ type: 'pressure' })
        await sleep(FULL_PAUSE_MS)
      }
    }
  }

  #giveUp(error: unknown): void {
    finish(this.#output)
    process.send?.({ type: 'failed', error: serializeError(error) }, undefined, undefined, () =>
      exitImmediately(1),
    )
    // The parent may be gone, too.
    if (!process.connected) exitImmediately(1)
  }
}

/** Opens what the threads of this child share to accept. */
function mechanismTerms(start: StartChild, files: readonly number[]): MechanismTerms {
  const { acceptMutex, acceptPermits, listeners, passOn, slot } = start
  if (acceptMutex === 'none')
    return { kind: 'exclusive', listeners, epoll: Epoll.create().fd, passOn }
  const mutex = { mechanism: acceptMutex, files, permits: acceptPermits, first: slot }
  return { kind: 'mutex', listeners, mutex }
}

/** Opens what the threads of this child share to park connections. */
function parkingTerms({ mailbox }: StartChild): ParkingTerms | undefined {
  if (mailbox === undefined) return undefined
  return { epoll: Epoll.create().fd, wake: openEventDescriptor() }
}

function parkerThread(
  start: StartChild,
  mechanism: MechanismTerms,
  parking: ParkingTerms | undefined,
  memory: SharedArrayBuffer,
  handOff: HandOff,
  scoreboard: Scoreboard,
  report: (error: SerializedError) => void,
): ParkerThread | undefined {
  const { slot, mailbox, transfer, timeouts, shutdownIdleTimeout } = start
  if (mailbox === undefined || parking === undefined) return undefined
  const { keepAliveTimeout } = timeouts
  const terms = {
    ...{ slot, mechanism, mailbox, parking, transfer, memory, scoreboard: start.scoreboard },
    ...{ keepAliveTimeout, shutdownIdleTimeout },
  }
  const parked = new Parking(memory, new Epoll(parking.epoll), parking.wake)
  const way = transfer && new Transfer(transfer, scoreboard)
  return new ParkerThread(terms, parked, way, handOff, report)
}
