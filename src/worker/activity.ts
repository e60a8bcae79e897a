import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { monotonicMs } from '../sync/clock.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { Shedding } from '../sync/shedding.js'
import { emptyRow, type ThreadRow } from '../sync/thread-rows.js'
import { BlockingMeter } from './blocking-meter.js'
import type { InFlight } from './in-flight.js'
import { LoopMeter } from './loop-meter.js'

/** A fresh connection that sends nothing for this long does not make its thread busy any longer. */
const FRESH_MS = 5

/** Between two measures of how long a request keeps the event loop busy. */
const MEASURE_EVERY_MS = 50
const READ_HEAP_EVERY_MS = 1000

/** A thread takes several connections at once only if all of them together keep it busy for less than this. */
const MOST_BATCH_US = 500
const MOST_BATCH = 8

const COUNTED = Symbol('counted')

/** How many bytes of it are counted. */
interface CountedConnection {
  [COUNTED]?: number
}

/**
 * Where the thread stands in the hand-off. `withdrawn` is the end: the thread takes nothing more.
 *
 *     idle ⇄ busy ⇄ open      any → withdrawn
 *     idle ← open             idle ⇄ resting
 */
type Standing = 'idle' | 'busy' | 'open' | 'resting' | 'withdrawn'

/**
 * What this thread has in flight, and what follows from it: its standing in the hand-off and its row in the
 * scoreboard. It alone writes both.
 *
 * A thread is busy from the moment it takes a connection, not from the parsed request: otherwise a second
 * connection could go to it while its neighbour idles. It is idle again when its requests have ended and no
 * fresh connection is left.
 */
export class Activity {
  readonly #slot: number
  readonly #thread: number
  readonly #handOff: HandOff
  readonly #shedding: Shedding
  readonly #scoreboard: Scoreboard
  /** Serves a descriptor that the hand-off gave on a change of standing. */
  readonly #serve: (fd: number) => void
  readonly #row: ThreadRow = emptyRow('S')
  #standing: Standing = 'busy'
  /** Fields of the row have changed that not every request changes. */
  #isRareChanged = true
  #upgraded = 0
  /** Of the request that was begun last. */
  #target: string | undefined
  /** When each fresh connection was taken, by its token; in the order of taking. */
  readonly #fresh = new Map<object, number>()
  #isWatchingFresh = false
  #freshTimer: NodeJS.Timeout | undefined
  #utilization = performance.eventLoopUtilization()
  #measuredAt = 0
  #heapReadAt = 0
  #requestsSinceMeasure = 0
  readonly #blocking = new BlockingMeter()
  readonly #loop: LoopMeter
  /** How many connections to take at once when nobody else is idle. */
  #batch = 1

  constructor(
    slot: number,
    thread: number,
    handOff: HandOff,
    shedding: Shedding,
    scoreboard: Scoreboard,
    serve: (fd: number) => void,
    inFlight: InFlight,
  ) {
    this.#slot = slot
    this.#thread = thread
    this.#handOff = handOff
    this.#shedding = shedding
    this.#scoreboard = scoreboard
    this.#serve = serve
    this.#loop = new LoopMeter(slot, thread, scoreboard, inFlight, () => this.#row.inFlight > 0)
    this.#publish()
  }

  /** Requests that have begun and not ended. */
  get inFlight(): number {
    return this.#row.inFlight
  }

  /** Whether its handlers block this thread for so long that its idle connections are better off elsewhere. */
  get blocks(): boolean {
    return this.#blocking.blocks
  }

  /** The handler is loaded: the thread may be given work from now on. */
  start(): void {
    this.#utilization = performance.eventLoopUtilization()
    this.#blocking.start()
    this.#row.heapBytes = getHeapStatistics().used_heap_size
    this.#settle()
  }

  /** The hand-off gave a descriptor, and with it made this thread busy: serves it, and perhaps some more. */
  adopt(first: number): void {
    this.#standing = 'busy'
    let fd = first
    for (let taken = 1; fd >= 0; taken++) {
      this.#serve(fd)
      fd = taken < this.#batch ? this.#handOff.takeAnother(this.#thread) : -1
    }
  }

  /** A connection was taken; `token` stands for it until it ends. One that was parked has been counted before. */
  connectionOpened(token: object, isNew: boolean): void {
    this.#isRareChanged = true
    this.#row.connections++
    if (isNew) this.#row.accepted++
    const now = performance.now()
    this.#fresh.set(token, now)
    this.#row.fresh = this.#fresh.size
    this.#watchFresh()
    this.#publish()
  }

  connectionClosed(token: object, bytesWritten: number): void {
    this.#isRareChanged = true
    this.#row.connections--
    this.wrote(token, bytesWritten)
    this.#forgetFresh(token)
    this.#settle()
  }

  /** What a connection has written in all by now. Published with what comes next. */
  wrote(token: object, bytesWritten: number): void {
    const connection: CountedConnection = token
    this.#row.bytes += Math.max(bytesWritten - (connection[COUNTED] ?? 0), 0)
    connection[COUNTED] = bytesWritten
  }

  /** A connection has changed to another protocol, and stays with this thread until it ends. */
  connectionUpgraded(socket: Socket): void {
    const { rows } = this.#scoreboard
    rows.writeUpgraded(this.#slot, this.#thread, ++this.#upgraded)
    socket.once('close', () => rows.writeUpgraded(this.#slot, this.#thread, --this.#upgraded))
  }

  /** A descriptor that could not be made a connection. */
  connectionFailed(): void {
    this.#settle()
  }

  /** A request has arrived; its handler is about to run. Returns when that was, by the monotonic clock in ms. */
  requestStarted(token: object, method = '', target = ''): number {
    this.#forgetFresh(token)
    this.#scoreboard.rows.writeRequest(this.#slot, this.#thread, method, target)
    this.#target = target
    const row = this.#row
    const now = monotonicMs()
    this.#blocking.called(now)
    this.#loop.begin()
    if (row.inFlight++ === 0) row.busySince = now
    if (this.#standing === 'idle') this.#handOff.becomeBusy(this.#thread)
    else if (this.#standing === 'open') this.#handOff.leaveOpen(this.#thread)
    if (this.#standing !== 'withdrawn') this.#standing = 'busy'
    const kept = this.#blocking.blocks ? this.#shedding.shed(this.#thread) : -1
    this.#publish()
    // Its turn comes when the handler that is about to run lets the event loop turn.
    if (kept >= 0) this.#serve(kept)
    return now
  }

  /** A handler names the route of a request; one of HTTP/2 may not say what it asks for. Only what was begun last is told of. */
  routeNamed(target: string | undefined, route: string): void {
    const isLast = target === undefined ? this.#row.inFlight === 1 : target === this.#target
    if (!isLast) return
    const number = this.#scoreboard.requests.routeNumber(route)
    this.#scoreboard.rows.writeRoute(this.#slot, this.#thread, number)
  }

  /** The handler has returned, and its response is still to come: it waits for something. */
  requestWaits(): void {
    this.#blocking.returned(monotonicMs())
    this.#settle()
  }

  requestEnded(): void {
    const row = this.#row
    row.inFlight--
    row.requests++
    row.lastUsed = monotonicMs()
    this.#blocking.returned(row.lastUsed)
    if (row.inFlight === 0) row.busySince = 0
    this.#requestsSinceMeasure++
    if (row.lastUsed - this.#measuredAt >= MEASURE_EVERY_MS) this.#measure(row.lastUsed)
    this.#settle()
  }

  /** Answers the child's main thread, if it has asked whether this thread's event loop still turns. */
  loopTurned(): void {
    const delayMs = this.#handOff.turns.answer(this.#thread)
    if (delayMs < 0) return
    this.#isRareChanged = true
    this.#row.loopDelayMs = delayMs
    this.#publish()
  }

  handlerFailed(): void {
    this.#isRareChanged = true
    this.#row.errors++
  }

  /**
   * Does something that blocks this thread for a moment, if it is idle without connections and another thread of the pool is
   * idle as well; else it does nothing and returns false.
   *
   * No connection waits for it while another thread idles: the thread leaves the idle ones as for a request, with the baton passed on, and what
   * comes goes to the others. Only then it looks whether there are any. So of two that would rest at once and
   * are the last two, one at least sees that the other is gone, and comes back. What is queued here after all, for want of others,
   * is found at the end, as after a request.
   */
  async rest(work: () => Promise<void>): Promise<boolean> {
    if (this.#standing !== 'idle' || this.#row.connections > 0) return false
    this.#handOff.becomeBusy(this.#thread)
    this.#standing = 'resting'
    const isSpared =
      this.#handOff.standings.idleBits !== 0 || this.#scoreboard.idleElsewhere(this.#slot) > 0
    if (isSpared) {
      this.#publish()
      await work()
    }
    // It may have been told to leave meanwhile, which settles nothing.
    if (this.#standing === 'resting') this.#settle()
    return isSpared
  }

  /** The thread takes nothing from now on; whatever it was woken for goes to another one. */
  withdraw(): void {
    this.#standing = 'withdrawn'
    this.#handOff.withdraw(this.#thread)
    this.#publish()
  }

  /** After the last connection. */
  close(): void {
    clearTimeout(this.#freshTimer)
    this.#freshTimer = undefined
    this.#loop.close()
  }

  #settle(): void {
    // What the hand-off gives on the way to idle or open changes the figures again, if only by failing.
    while (this.#standing !== 'withdrawn') {
      const isDone = this.#row.inFlight === 0 && this.#fresh.size === 0
      const next = isDone ? 'idle' : this.#fresh.size === 0 ? 'open' : 'busy'
      if (next === this.#standing || next === 'busy') break
      this.#standing = next
      const fd =
        next === 'idle'
          ? this.#handOff.becomeIdle(this.#thread, this.#batch)
          : this.#handOff.becomeOpen(this.#thread)
      if (fd < 0) break
      this.adopt(fd)
    }
    this.#publish()
  }

  /**
   * Most connections bring their first request along, which is read when the event loop has turned once: two immediates from
   * now. Only for the others a timer is set, because a timer wakes a sleeping thread even if it was cleared before.
   */
  #watchFresh(): void {
    if (this.#isWatchingFresh) return
    this.#isWatchingFresh = true
    setImmediate(() => setImmediate(this.#expireFresh))
  }

  #forgetFresh(token: object): void {
    if (this.#fresh.size === 0 || !this.#fresh.delete(token)) return
    this.#isRareChanged = true
    this.#row.fresh = this.#fresh.size
  }

  readonly #expireFresh = (): void => {
    this.#isWatchingFresh = false
    if (this.#fresh.size === 0) return
    const now = performance.now()
    for (const [token, takenAt] of this.#fresh) {
      // A timer may be up to a millisecond early.
      const restMs = takenAt + FRESH_MS - 1 - now
      if (restMs > 0) {
        this.#isWatchingFresh = true
        this.#freshTimer = setTimeout(this.#expireFresh, Math.ceil(restMs))
        break
      }
      this.#fresh.delete(token)
    }
    this.#isRareChanged = true
    this.#row.fresh = this.#fresh.size
    this.#settle()
  }

  /**
   * The share of the time since the last measure in which the event loop was not waiting, per request: it
   * counts everything a request does in this thread, also after an `await`.
   */
  #measure(now: number): void {
    const utilization = performance.eventLoopUtilization()
    const active = utilization.active - this.#utilization.active
    const activeUs = Math.round((active * 1000) / this.#requestsSinceMeasure)
    this.#utilization = utilization
    this.#measuredAt = now
    this.#blocking.measure(this.#requestsSinceMeasure, active * 1000)
    this.#requestsSinceMeasure = 0
    this.#isRareChanged = true
    this.#row.activeUs = activeUs
    this.#batch = Math.min(
      Math.max(Math.floor(MOST_BATCH_US / Math.max(activeUs, 1)), 1),
      MOST_BATCH,
    )
    // A hundred times as dear as the rest, and nobody needs it fresh.
    if (now - this.#heapReadAt >= READ_HEAP_EVERY_MS) {
      this.#heapReadAt = now
      this.#row.heapBytes = getHeapStatistics().used_heap_size
    }
  }

  #publish(): void {
    const row = this.#row
    row.state =
      this.#standing === 'withdrawn'
        ? 'G'
        : this.#standing === 'resting'
          ? 'S'
          : row.inFlight > 0
            ? 'W'
            : row.fresh > 0
              ? 'R'
              : row.connections > 0
                ? 'K'
                : '_'
    const { rows } = this.#scoreboard
    if (this.#isRareChanged) rows.write(this.#slot, this.#thread, row)
    else rows.writeRequests(this.#slot, this.#thread, row)
    this.#isRareChanged = false
  }
}
