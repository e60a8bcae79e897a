import { LockOwner, PARKER_THREAD } from '../sync/child-memory.js'
import { resumed } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Mailbox } from '../sync/mailbox.js'
import { WayOut } from '../sync/parker-orders.js'
import type { Parking } from '../sync/parking.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { Transfer } from '../sync/transfer.js'
import { closeDescriptor } from '../sys/descriptor.js'
import type { Epoll } from '../sys/epoll.js'
import { clearEvent } from '../sys/event-descriptor.js'
import { peekConnection } from '../sys/socket.js'
import type { Arrivals } from './arrivals.js'
import { handOnTo } from './decide-hand-on.js'

/** How often the parker looks for connections that have been idle for too long, and counts them. */
const TICK_MS = 1000

/** How long to leave a full mailbox, or transfer, to those who take from it. */
const FULL_MS = 5

/** Of a child that leaves: what is idle for too long is looked for more often, and so many move at a turn. */
const LAST_TICK_MS = 20
const BATCH = 32

/** What is queued for longer than this has been missed by the thread that was woken for it (as in the listener thread). */
const LATE_WAKE_MS = 10

export interface ParkerOptions {
  readonly slot: number
  /** Ends a wait. */
  readonly wake: number
  /** 0: never. */
  readonly keepAliveTimeout: number
  /** The same when the whole pool ends, and at once if it is 0. */
  readonly shutdownIdleTimeout: number
  /** Where idle connections can move to other processes. */
  readonly transfer: Transfer | undefined
  readonly arrivals: Arrivals | undefined
  readonly epoll: Epoll
  readonly parking: Parking
  readonly handOff: HandOff
  readonly mailbox: Mailbox
  readonly scoreboard: Scoreboard
}

/**
 * The parker of a child: sleeps until a parked connection has something to read, and hands it on like a new one; closes
 * those that are over, or idle for too long. While nothing is parked it sleeps without a time-out.
 *
 * When the child leaves and the pool stays, it goes on with that, and moves what is idle, a batch at a turn: so no request waits for
 * more than a batch. When the pool ends, idle for too long comes sooner.
 */
export class Parker {
  readonly #options: ParkerOptions
  /** Readable, but the mailbox was full: still parked and no longer watched. The oldest first. Or parked and impossible to watch. */
  #waiting: number[] = []
  #nextTickMs = 0
  /** All below have moved, or were seen to be no more. */
  #movedTo = 0
  /** The transfer had no room a moment ago. */
  #isFull = false

  constructor(options: ParkerOptions) {
    this.#options = options
  }

  /** Returns when the child stops. What is parked then is left to the child's main thread. */
  run(): void {
    const { parking, epoll, handOff, wake, arrivals } = this.#options
    // A predecessor may have died with connections that were reported to it.
    this.#watchAll()
    this.#nextTickMs = performance.now() + TICK_MS
    parking.orders.open()
    while (!parking.orders.isStopping) {
      const ready = epoll.wait(this.#timeoutMs())
      if (parking.orders.isStopping) return
      const { wayOut } = parking.orders
      arrivals?.set(parking.orders.takesArrivals)
      if (wayOut === WayOut.close) this.#hurry()
      arrivals?.look()
      if (ready.length === 0 && handOff.queue.length > 0) handOff.wakeUps.wakeOne()
      if (this.#waiting.length > 0) this.#retry()
      for (const [index, fd] of ready.entries()) {
        if (arrivals?.isAt(fd) === true) this.#arrive(arrivals.take())
        else if (fd !== wake) this.#handOn(fd, epoll.hasEnded(index))
        else {
          clearEvent(wake)
          // Somebody has started the clock, or wants a search.
          if (parking.orders.takeSearch()) this.#watchAll()
        }
      }
      if (parking.orders.moves) this.#moveSome()
      if (!parking.clock.isStopped && performance.now() >= this.#nextTickMs) this.#tick()
    }
  }

  /** The pool ends: the next tick is not a second away. */
  #hurry(): void {
    this.#nextTickMs = Math.min(this.#nextTickMs, performance.now() + LAST_TICK_MS)
  }

  /** What a process that leaves had parked; the clock runs for it. */
  #arrive(unwatched: readonly number[]): void {
    const { parking } = this.#options
    this.#waiting.push(...unwatched)
    if (!parking.clock.isStopped) return
    parking.clock.restart()
    this.#nextTickMs = performance.now() + TICK_MS
  }

  #timeoutMs(): number {
    const { parking, handOff } = this.#options
    if (this.#waiting.length > 0) return FULL_MS
    if (parking.orders.moves && !parking.clock.isStopped) return this.#isFull ? FULL_MS : 0
    if (handOff.queue.length > 0) return LATE_WAKE_MS
    const restMs = this.#options.arrivals?.timeoutMs ?? Number.POSITIVE_INFINITY
    if (parking.clock.isStopped) return restMs === Number.POSITIVE_INFINITY ? -1 : restMs
    return Math.min(restMs, Math.max(0, Math.ceil(this.#nextTickMs - performance.now())))
  }

  /** With a mailbox that was full a moment ago everything readable waits in line. */
  #handOn(fd: number, mayBeOver: boolean): void {
    const { parking, handOff } = this.#options
    if (this.#waiting.length > 0) {
      this.#waiting.push(fd)
      return
    }
    const since = this.#claim(fd)
    if (since === 0) return
    if (mayBeOver && peekConnection(fd) === 'end') this.#close(fd)
    else if (!this.#give(fd)) {
      parking.unclaim(fd, since)
      handOff.queue.unhand(PARKER_THREAD)
      this.#waiting.push(fd)
    }
  }

  /** Since when it was parked, if it is in hand now; else 0. */
  #claim(fd: number): number {
    const { parking, handOff } = this.#options
    const since = parking.parkedSince(fd)
    if (since === 0) return 0
    handOff.queue.hold(PARKER_THREAD, resumed(fd))
    if (parking.claim(fd, since)) return since
    handOff.queue.unhand(PARKER_THREAD)
    return 0
  }

  #retry(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const fd of waiting) this.#handOn(fd, true)
  }

  /** Gives away what was claimed. False if nobody can take it now. */
  #give(fd: number): boolean {
    const { parking, handOff, mailbox } = this.#options
    const entry = resumed(fd)
    parking.unwatch(fd)
    if (this.#isForQueue()) {
      // This replaces the note, and erases it.
      if (handOff.queue.push(LockOwner.parker, entry)) {
        handOff.wakeUps.wakeOne()
        return true
      }
    }
    handOff.queue.holdMailed(PARKER_THREAD, entry)
    if (!mailbox.put(entry)) {
      handOff.queue.hold(PARKER_THREAD, entry)
      return false
    }
    this.#end(fd)
    return true
  }

  /** Whether a thread of this child is to have what is readable. */
  #isForQueue(): boolean {
    const { handOff, parking } = this.#options
    const { wayOut } = parking.orders
    // The child leaves. Others look into the mailbox, or it has to serve this itself.
    if (wayOut === WayOut.move) return false
    if (wayOut !== WayOut.stay) return true
    // The queue first, as in the listener thread: no thread is counted on twice.
    const queued = handOff.queue.length
    return handOnTo({ idle: handOff.standings.idleCount, queued }) === 'queue'
  }

  /** Gives some of what is parked to processes that stay. */
  #moveSome(): void {
    const { parking } = this.#options
    this.#isFull = false
    for (let left = BATCH; left > 0 && !this.#isFull; left--) {
      const fd = parking.nextFrom(this.#movedTo)
      if (fd >= 0) this.#move(fd)
      else if (this.#movedTo > 0) {
        // Once more from the beginning, for what was parked meanwhile.
        this.#movedTo = 0
        return
      } else {
        parking.clock.stop()
        return
      }
      // What found no room is the next.
      this.#movedTo = this.#isFull ? fd : fd + 1
    }
  }

  #move(fd: number): void {
    const { parking, handOff, transfer } = this.#options
    const since = this.#claim(fd)
    if (since === 0) return
    parking.unwatch(fd)
    handOff.queue.holdMailed(PARKER_THREAD, resumed(fd))
    if (transfer?.put(fd) === true) {
      this.#end(fd)
      return
    }
    this.#isFull = true
    handOff.queue.hold(PARKER_THREAD, resumed(fd))
    parking.unclaim(fd, since)
    handOff.queue.unhand(PARKER_THREAD)
    // What can't be watched goes to a thread, as ever.
    if (!parking.watch(fd)) this.#waiting.push(fd)
  }

  #close(fd: number): void {
    this.#options.parking.unwatch(fd)
    this.#end(fd)
  }

  /** The note is erased before the number is free, and after the connection is: see `Parking.end`. */
  #end(fd: number): void {
    const { parking, handOff } = this.#options
    parking.end(fd)
    handOff.queue.unhand(PARKER_THREAD)
    closeDescriptor(fd)
  }

  /** Once a second, or more often at the end: closes what has been idle for too long, and counts. */
  #tick(): void {
    const { parking, scoreboard, slot } = this.#options
    const isEnd = parking.orders.wayOut === WayOut.close
    this.#nextTickMs = performance.now() + (isEnd ? LAST_TICK_MS : TICK_MS)
    const mostMs = this.#mostIdleMs(isEnd)
    const parked = parking.each((fd) => {
      if (parking.parkedMs(fd) >= mostMs) this.#expire(fd)
    })
    scoreboard.setField(slot, 'parked', parked)
    if (parked === 0) parking.clock.stop()
  }

  #mostIdleMs(isEnd: boolean): number {
    const { keepAliveTimeout, shutdownIdleTimeout } = this.#options
    const usualMs = keepAliveTimeout > 0 ? keepAliveTimeout : Number.POSITIVE_INFINITY
    return isEnd ? Math.min(usualMs, shutdownIdleTimeout) : usualMs
  }

  /** Looks once more: a request may have come in the very moment, or waits for room in the mailbox. */
  #expire(fd: number): void {
    if (peekConnection(fd) === 'nothing' && this.#claim(fd) !== 0) this.#close(fd)
  }

  #watchAll(): void {
    const { parking } = this.#options
    const unwatched: number[] = []
    parking.each((fd) => {
      if (!parking.watch(fd)) unwatched.push(fd)
    })
    // What can't be watched (the user watches too many already) goes to a thread, readable or not. What has waited
    // for room in the mailbox is watched, and reported, anew.
    this.#waiting = unwatched
  }
}
