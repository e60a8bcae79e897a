import type { Socket } from 'node:net'
import { monotonicMs } from '../sync/clock.js'
import type { HandOff } from '../sync/hand-off.js'
import type { CallTurn } from '../sync/listener-watch.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { Shedding } from '../sync/shedding.js'
import { callsOneAtATime } from '../sys/kernel.js'
import { FreshConnections } from './fresh-connections.js'
import type { InFlight } from './in-flight.js'
import { LoopMeter } from './loop-meter.js'
import { OwnRow } from './own-row.js'
import { RequestCost } from './request-cost.js'
import { TurnEnd } from './turn-end.js'

/** What others see of this thread is not older than this, in ms, when a handler begins that may block it. */
const FRESH_MS = 1

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
 * fresh connection is left, and its event loop has dealt with what it had: until then the next request may be about to begin, and nobody could
 * reach the thread. So the requests of one turn of the loop cost the hand-off as much as a single one.
 */
export class Activity {
  readonly #slot: number
  readonly #thread: number
  readonly #handOff: HandOff
  readonly #shedding: Shedding
  readonly #scoreboard: Scoreboard
  /** Serves a descriptor that the hand-off gave on a change of standing. */
  readonly #serve: (fd: number) => void
  #standing: Standing = 'busy'
  readonly #own: OwnRow
  readonly #fresh: FreshConnections
  readonly #cost = new RequestCost()
  readonly #loop: LoopMeter
  /** It was called when it could not take anything, and has called nobody else yet. */
  #owesCall = false
  readonly #turnEnd = new TurnEnd(() => this.#settle())
  /** By the monotonic clock. */
  #publishedAt = 0
  #beforePublish: (() => void) | undefined

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
    this.#own = new OwnRow(slot, thread, scoreboard)
    this.#fresh = new FreshConnections(() => {
      this.#freshChanged()
      this.#settle()
    })
    this.#loop = new LoopMeter(slot, thread, scoreboard, inFlight, () => this.inFlight > 0)
    this.#publish()
  }

  /** Requests that have begun and not ended. */
  get inFlight(): number {
    return this.#own.figures.inFlight
  }

  /** Whether its handlers block this thread for so long that its idle connections are better off elsewhere. */
  get blocks(): boolean {
    return this.#cost.blocks
  }

  /** The handler is loaded: the thread may be given work from now on. */
  start(): void {
    this.#cost.start()
    this.#own.figures.heapBytes = this.#cost.heapBytes
    this.#settle()
  }

  /** `act` shows others what else they are to see of this thread. */
  onPublish(act: () => void): void {
    this.#beforePublish = act
  }

  /** The hand-off gave a descriptor, and with it made this thread busy: serves it, and perhaps some more. */
  adopt(first: number): void {
    this.#standing = 'busy'
    let fd = first
    for (let taken = 1; fd >= 0; taken++) {
      this.#serve(fd)
      fd = taken < this.#cost.batch ? this.#handOff.takeAnother(this.#thread) : -1
    }
  }

  /** By its watch of the listeners, or by a thread that passes its own call on. */
  called(isPassedOn = false): Omit<CallTurn, 'fd'> & { readonly isVain: boolean } {
    this.#turnEnd.now()
    // Nobody would come sooner. Its place among those that watch is worth more than a moment.
    const isFresh = this.#standing === 'busy' && this.#fresh.size > 0
    if (isFresh && !this.#owesCall && !this.#handOff.isSomebodyIdle) {
      this.#owesCall = true
      if (isPassedOn) this.#handOff.passCallOn()
      return { shortage: 0, stepsBack: false, isVain: true }
    }
    this.#owesCall = false
    const { fd, shortage, stepsBack } = this.#handOff.takeWhenCalled(this.#thread, this.#cost.batch)
    // Two that were passed on may be one signal; and to serve one may run the user's code, for long.
    if (isPassedOn) this.#handOff.passCallOn()
    if (fd >= 0) this.adopt(fd)
    return { shortage, stepsBack, isVain: fd < 0 }
  }

  /** Its watch has been off for a while, for a reason that may be over. */
  watchAgain(): void {
    this.#handOff.watchAgain(this.#thread)
  }

  /** A connection was taken; `token` stands for it until it ends. One that was parked has been counted before. */
  connectionOpened(token: object, isNew: boolean): void {
    const { figures } = this.#own
    figures.connections++
    if (isNew) figures.accepted++
    this.#fresh.add(token)
    this.#freshChanged()
    this.#publish()
  }

  connectionClosed(token: object, bytesWritten: number): void {
    this.#own.changedRarely()
    this.#own.figures.connections--
    this.#own.wrote(token, bytesWritten)
    if (this.#fresh.forget(token)) this.#freshChanged()
    this.#settle()
  }

  /** See `OwnRow`. */
  wrote(token: object, bytesWritten: number): void {
    this.#own.wrote(token, bytesWritten)
  }

  /** See `OwnRow`. */
  connectionUpgraded(socket: Socket): void {
    this.#own.connectionUpgraded(socket)
  }

  /** A descriptor that could not be made a connection. */
  connectionFailed(): void {
    this.#settle()
  }

  /** A request has arrived; its handler is about to run. Returns when that was, by the monotonic clock in ms. */
  requestStarted(token: object, method = '', target = ''): number {
    if (this.#fresh.forget(token)) this.#freshChanged()
    this.#own.requestStarted(method, target)
    const row = this.#own.figures
    const now = monotonicMs()
    this.#cost.called(now)
    this.#loop.begin()
    if (row.inFlight++ === 0) row.busySince = now
    this.#passOwedCallOn()
    const isFirstOfTurn = this.#standing !== 'busy' || !this.#turnEnd.isDue
    if (this.#standing === 'idle') this.#handOff.becomeBusy(this.#thread)
    else if (this.#standing === 'open') this.#handOff.leaveOpen(this.#thread)
    if (this.#standing !== 'withdrawn') this.#standing = 'busy'
    const kept = this.#cost.blocks ? this.#shedding.shed(this.#thread) : -1
    if (isFirstOfTurn || now - this.#publishedAt >= FRESH_MS) {
      this.#publish()
      this.#publishedAt = now
    }
    // Its turn comes when the handler that is about to run lets the event loop turn.
    if (kept >= 0) this.#serve(kept)
    return now
  }

  /** See `OwnRow`. */
  routeNamed(target: string | undefined, route: string): void {
    this.#own.routeNamed(target, route)
  }

  /** The handler has returned, and its response is still to come: it waits for something. */
  requestWaits(): void {
    this.#cost.returned(monotonicMs())
    this.#turnEnd.ask()
  }

  /** At `nowMs` of the monotonic clock. */
  requestEnded(nowMs = monotonicMs()): void {
    const row = this.#own.figures
    row.inFlight--
    row.requests++
    row.lastUsed = nowMs
    this.#cost.returned(nowMs)
    if (row.inFlight === 0) row.busySince = 0
    if (this.#cost.ended(nowMs)) {
      this.#own.changedRarely()
      row.activeUs = this.#cost.activeUs
      row.heapBytes = this.#cost.heapBytes
    }
    this.#turnEnd.ask()
  }

  /** Answers the child's main thread, if it has asked whether this thread's event loop still turns. */
  loopTurned(): void {
    this.#turnEnd.now()
    const delayMs = this.#handOff.turns.answer(this.#thread)
    if (delayMs < 0) return
    this.#own.changedRarely()
    this.#own.figures.loopDelayMs = delayMs
    this.#publish()
  }

  handlerFailed(): void {
    this.#own.changedRarely()
    this.#own.figures.errors++
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
    this.#turnEnd.now()
    if (this.#standing !== 'idle' || this.#own.figures.connections > 0) return false
    this.#passOwedCallOn()
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
    this.#fresh.close()
    this.#loop.close()
  }

  /**
   * Before anything that may take long. A call that has woken the loop together with it, where the kernel does not put that first, is heard behind it
   * only.
   */
  #passOwedCallOn(): void {
    if (!this.#owesCall && callsOneAtATime) return
    this.#owesCall = false
    this.#handOff.passCallOn()
  }

  #settle(): void {
    // What the hand-off gives on the way to idle or open changes the figures again, if only by failing.
    while (this.#standing !== 'withdrawn') {
      const isDone = this.inFlight === 0 && this.#fresh.size === 0
      const next = isDone ? 'idle' : this.#fresh.size === 0 ? 'open' : 'busy'
      if (next === this.#standing || next === 'busy') break
      this.#standing = next
      const fd =
        next === 'idle'
          ? this.#handOff.becomeIdle(this.#thread, this.#cost.batch)
          : this.#handOff.becomeOpen(this.#thread)
      if (fd < 0) {
        if (next === 'idle') this.#fresh.rest()
        break
      }
      this.adopt(fd)
    }
    this.#publish()
  }

  #freshChanged(): void {
    this.#own.changedRarely()
    this.#own.figures.fresh = this.#fresh.size
  }

  #publish(): void {
    this.#beforePublish?.()
    const row = this.#own.figures
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
    this.#own.publish()
  }
}
