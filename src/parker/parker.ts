import { LockOwner, PARKER_THREAD } from '../sync/child-memory.js'
import { resumed } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Mailbox } from '../sync/mailbox.js'
import type { Parking } from '../sync/parking.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { closeDescriptor } from '../sys/descriptor.js'
import type { Epoll } from '../sys/epoll.js'
import { clearEvent } from '../sys/event-descriptor.js'
import { peekConnection } from '../sys/socket.js'
import { handOnTo } from './decide-hand-on.js'

/** How often the parker looks for connections that have been idle for too long, and counts them. */
const TICK_MS = 1000

/** How long to leave a full mailbox to those who take from it. */
const FULL_MS = 5

/** What is queued for longer than this has been missed by the thread that was woken for it (as in the listener thread). */
const LATE_WAKE_MS = 10

export interface ParkerOptions {
  readonly slot: number
  /** Ends a wait. */
  readonly wake: number
  /** 0: never. */
  readonly keepAliveTimeout: number
  readonly epoll: Epoll
  readonly parking: Parking
  readonly handOff: HandOff
  readonly mailbox: Mailbox
  readonly scoreboard: Scoreboard
}

/**
 * The parker of a child: sleeps until a parked connection has something to read, and hands it on like a new one; closes
 * those that are over, or idle for too long. While nothing is parked it sleeps without a time-out.
 */
export class Parker {
  readonly #options: ParkerOptions
  /** Readable, but the mailbox was full: still parked and no longer watched. The oldest first. Or parked and impossible to watch. */
  #waiting: number[] = []
  #nextTickMs = 0

  constructor(options: ParkerOptions) {
    this.#options = options
  }

  /** Returns when the child stops. What is parked then is left to the child's main thread. */
  run(): void {
    const { parking, epoll, handOff, wake } = this.#options
    // A predecessor may have died with connections that were reported to it.
    this.#watchAll()
    this.#nextTickMs = performance.now() + TICK_MS
    parking.open()
    while (!parking.isStopping) {
      const timeoutMs = this.#timeoutMs()
      const ready = epoll.wait(timeoutMs)
      if (parking.isStopping) return
      if (ready.length === 0 && handOff.queue.length > 0) handOff.wakeOne()
      if (this.#waiting.length > 0) this.#retry()
      for (const [index, fd] of ready.entries()) {
        if (fd !== wake) this.#handOn(fd, epoll.hasEnded(index))
        else {
          clearEvent(wake)
          // Somebody has started the clock, or wants a search.
          if (parking.takeSearch()) this.#watchAll()
        }
      }
      if (!parking.isClockStopped && performance.now() >= this.#nextTickMs) this.#tick()
    }
  }

  #timeoutMs(): number {
    const { parking, handOff } = this.#options
    if (this.#waiting.length > 0) return FULL_MS
    if (handOff.queue.length > 0) return LATE_WAKE_MS
    if (parking.isClockStopped) return -1
    return Math.max(0, Math.ceil(this.#nextTickMs - performance.now()))
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
    // The queue first, as in the listener thread: no thread is counted on twice.
    const queued = handOff.queue.length
    if (handOnTo({ idle: handOff.idleCount, queued }) === 'queue') {
      // This replaces the note, and erases it.
      if (handOff.queue.push(LockOwner.parker, entry)) {
        handOff.wakeOne()
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

  /** Once a second: closes what has been idle for too long, and counts. */
  #tick(): void {
    const { parking, scoreboard, slot, keepAliveTimeout } = this.#options
    this.#nextTickMs = performance.now() + TICK_MS
    const parked = parking.each((fd, parkedMs) => {
      if (keepAliveTimeout > 0 && parkedMs >= keepAliveTimeout) this.#expire(fd)
    })
    scoreboard.setField(slot, 'parked', parked)
    if (parked === 0) parking.stopClock()
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
