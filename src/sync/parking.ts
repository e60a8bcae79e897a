import { closeDescriptor, duplicate } from '../sys/descriptor.js'
import type { Epoll } from '../sys/epoll.js'
import { signalEvent } from '../sys/event-descriptor.js'
import { PARKED_PLACES, parkedWord, Word } from './child-memory.js'
import { elapsedMs, shortClock } from './short-clock.js'

/** The descriptors of this process that parking needs. */
export interface ParkingTerms {
  readonly epoll: number
  /** Ends a wait of the parker. */
  readonly wake: number
}

/**
 * The parked connections of a child: idle keep-alive connections that belong to no thread. Each is a descriptor in an
 * epoll instance, and a note in a table in the child's memory that says since when. What is noted is
 * parked: the epoll instance only tells which of them have something to read.
 *
 *     worker thread                                parker
 *     duplicate                                    the epoll instance reports it
 *     note              ─────────────────────►     claim: in hand, then the note is erased
 *     watch                                        no longer watch
 *     drop the socket                              hand on, close, or note again
 *
 * **Only one has it.** The note is erased with one compare-and-exchange, and whoever succeeds owns the descriptor. The
 * watching thread still has a socket of its own on the same connection for a moment, but it runs JavaScript from the
 * check that the connection is clean to the end of that socket, so it reads nothing meanwhile, even if another thread
 * serves the connection already.
 *
 * **A report about something not noted is ignored.** It may be about a descriptor that was claimed in the meantime and is
 * watched because the search after a death met the thread's own watching. To stop watching it could
 * hit a connection that was just parked under the same number; ignored, it does nothing (one event is one event), and the
 * kernel forgets it with the connection.
 *
 * **Death.** A thread that dies before the note leaks one descriptor until the process ends; the note is the very next
 * step after the duplication. One that dies after the note has parked: its socket closes with the thread, the duplicate
 * stays, and the parker, told to search, watches it. What the parker has in hand when it dies is noted like that of a
 * worker thread (see FdQueue); what was reported to it and not claimed is watched anew by its successor.
 *
 * **Stop.** A thread parks, then looks whether the child stops; the main thread makes the child stop, then empties the
 * table. One of them sees the other; both may, and then the claim decides.
 */
export class Parking {
  readonly #words: Int32Array
  readonly #epoll: Epoll
  readonly #wake: number

  constructor(memory: SharedArrayBuffer, epoll: Epoll, wake: number) {
    this.#words = new Int32Array(memory)
    this.#epoll = epoll
    this.#wake = wake
  }

  // ── worker thread ────────────────────────────────────────────────────────────────────────────────

  /** Whether there is a parker, and connections are parked from now on. */
  get isOpen(): boolean {
    return Atomics.load(this.#words, Word.parkerRuns) === 1 && !this.isStopping
  }

  /**
   * Parks the connection of a socket that this thread destroys right after, without running its event loop in between.
   * False if that is not possible: then the connection stays.
   */
  park(socketFd: number): boolean {
    const fd = duplicate(socketFd)
    if (fd < 0) return false
    if (fd >= PARKED_PLACES) {
      closeDescriptor(fd)
      return false
    }
    Atomics.store(this.#words, parkedWord(fd), shortClock())
    if (Atomics.load(this.#words, Word.parkedEnd) <= fd) this.#raiseEnd(fd + 1)
    if (!this.#epoll.addOnce(fd)) {
      // Unless the parker was told to search just now and succeeded with what this thread failed with.
      if (this.claim(fd) === 0) return true
      closeDescriptor(fd)
      return false
    }
    // The note first, then the look; the parker does it the other way round.
    if (Atomics.load(this.#words, Word.clockStopped) === 1) this.#startClock()
    if (this.isStopping && this.claim(fd) !== 0) {
      closeDescriptor(fd)
      return false
    }
    return true
  }

  // ── parker ───────────────────────────────────────────────────────────────────────────────────────

  get isStopping(): boolean {
    return Atomics.load(this.#words, Word.stopping) === 1
  }

  /** From now on threads may park. */
  open(): void {
    Atomics.store(this.#words, Word.parkerRuns, 1)
  }

  /**
   * Takes a descriptor out of the parked ones: returns since when it was parked, 0 if somebody else was faster. The
   * parker notes it as in hand before.
   */
  claim(fd: number): number {
    return Atomics.exchange(this.#words, parkedWord(fd), 0)
  }

  /** Puts back what was claimed. It is not watched until `watch`. */
  unclaim(fd: number, since: number): void {
    Atomics.store(this.#words, parkedWord(fd), since)
  }

  watch(fd: number): boolean {
    return this.#epoll.addOnce(fd)
  }

  /** Before a descriptor is handed on: the kernel remembers it as long as the connection lives, not the descriptor. */
  unwatch(fd: number): void {
    this.#epoll.remove(fd)
  }

  /** Calls `visit` for each parked descriptor, with how long it has been parked, in ms. Returns how many there are. */
  each(visit: (fd: number, parkedMs: number) => void): number {
    const end = Atomics.load(this.#words, Word.parkedEnd)
    let parked = 0
    for (let fd = 0; fd < end; fd++) {
      const since = this.#words[parkedWord(fd)] ?? 0
      if (since === 0) continue
      parked++
      visit(fd, elapsedMs(since))
    }
    return parked
  }

  /**
   * Tells threads that they shall start the clock with the next connection that they park. False if something is
   * parked already: then the clock must go on.
   */
  stopClock(): boolean {
    Atomics.store(this.#words, Word.clockStopped, 1)
    if (this.each(() => undefined) === 0) return true
    Atomics.store(this.#words, Word.clockStopped, 0)
    return false
  }

  get isClockStopped(): boolean {
    return Atomics.load(this.#words, Word.clockStopped) === 1
  }

  /** Whether a search was asked for since the last call. */
  takeSearch(): boolean {
    return Atomics.exchange(this.#words, Word.searchAgain, 0) === 1
  }

  // ── the child's main thread ──────────────────────────────────────────────────────────────────────

  /** A thread has died: the parker looks for what it noted and did not watch. */
  search(): void {
    Atomics.store(this.#words, Word.searchAgain, 1)
    this.rouse()
  }

  rouse(): void {
    signalEvent(this.#wake)
  }

  isParked(fd: number): boolean {
    return Atomics.load(this.#words, parkedWord(fd)) !== 0
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────

  #raiseEnd(end: number): void {
    for (;;) {
      const seen = Atomics.load(this.#words, Word.parkedEnd)
      if (seen >= end) return
      if (Atomics.compareExchange(this.#words, Word.parkedEnd, seen, end) === seen) return
    }
  }

  #startClock(): void {
    if (Atomics.compareExchange(this.#words, Word.clockStopped, 1, 0) === 1) this.rouse()
  }
}
