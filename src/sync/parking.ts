import { closeDescriptor, duplicate, duplicateOver } from '../sys/descriptor.js'
import type { Epoll } from '../sys/epoll.js'
import { PARKED_PLACES, parkedWord, ThreadWord, threadWord, Word } from './child-memory.js'
import { ParkerClock } from './parker-clock.js'
import { ParkerOrders } from './parker-orders.js'
import { elapsedMs, shortClock } from './short-clock.js'

/** The descriptors of this process that parking needs. */
export interface ParkingTerms {
  readonly epoll: number
  /** Ends a wait of the parker. */
  readonly wake: number
}

/**
 * What is noted of a descriptor. Above 0: parked, since then. Below: a thread has it, and not the parker. 0 is what the
 * parker's claim leaves, and nothing else writes it while a parker lives; so after its death a 0 tells that it had claimed
 * what it has noted as in hand.
 */
const CLAIMED = 0
const TAKEN_BACK = -1

/** Each thread has a mark of its own: a number that another one has reserved since is not mistaken for its own. */
const reservedBy = (thread: number): number => TAKEN_BACK - 1 - thread

/**
 * The parked connections of a child: idle keep-alive connections that belong to no thread. Each is a descriptor in an
 * epoll instance, and a note in a table in the child's memory that says since when. What is noted is
 * parked: the epoll instance only tells which of them have something to read.
 *
 *     worker thread                                parker
 *     reserve a number                             the epoll instance reports it
 *     the connection gets that number              claim: in hand, then the note is erased
 *     note              ---------------------►     no longer watch
 *     watch                                        hand on, close, or note again
 *     drop the socket
 *
 * **Only one has it.** The note is erased with one compare-and-exchange, and whoever succeeds owns the descriptor. The
 * watching thread still has a socket of its own on the same connection for a moment, but it runs JavaScript from the
 * check that the connection is clean to the end of that socket, so it reads nothing meanwhile, even if another thread
 * serves the connection already. A thread takes back only what it has noted itself: it compares with its own note, for
 * the parker may have been faster, and the number may stand for another connection by then.
 *
 * **A report about something not noted is ignored.** It may be about a descriptor that was claimed in the meantime and is
 * watched because the search after a death met the thread's own watching. To stop watching it could
 * hit a connection that was just parked under the same number; ignored, it does nothing (one event is one event), and the
 * kernel forgets it with the connection.
 *
 * **Death.** A duplicate that nobody knows of would keep the connection open, and its client would wait for ever. So a thread
 * first gets a number (a duplicate of the wake descriptor, of which one more does no harm), marks it as its own, and then
 * puts the connection under that number, in one system call. If it dies before the note, the mark tells the main thread that
 * whatever is there now is the thread's. If it dies after the note it has parked: its socket closes with the thread, the duplicate
 * stays, and the parker, told to search, watches it. The parker notes what it has in hand like a
 * worker thread (see FdQueue), before it claims: if it dies in between, the note of the connection tells which (see
 * `CLAIMED`). What was reported to it and not claimed is watched anew by its successor.
 *
 * **From elsewhere.** What comes out of the transfer (see `Transfer`) is the parker's from the beginning: in hand, then noted, then watched. Its note
 * says `CLAIMED` before it is in hand, so a death in between tells the same as one after a claim.
 *
 * **End of parking.** A thread parks, then looks whether parking is over (the child stops, or has no parker); the main thread says that it is
 * over, then empties the table. One of them sees the other; both may, and then the compare-and-exchange decides.
 *
 * test/model/parking.pml goes through all of this step by step.
 */
export class Parking {
  readonly orders: ParkerOrders
  readonly clock: ParkerClock
  readonly #words: Int32Array
  readonly #epoll: Epoll
  readonly #wake: number

  constructor(memory: SharedArrayBuffer, epoll: Epoll, wake: number) {
    const words = new Int32Array(memory)
    const orders = new ParkerOrders(words, wake)
    this.orders = orders
    this.clock = new ParkerClock(
      words,
      () => this.nextFrom(0) >= 0,
      () => orders.rouse(),
    )
    this.#words = words
    this.#epoll = epoll
    this.#wake = wake
  }

  // -- worker thread --------------------------------------------------------------------------------

  /**
   * Parks the connection of a socket that this thread destroys right after, without running its event loop in between.
   * False if that is not possible: then the connection stays.
   */
  park(thread: number, socketFd: number): boolean {
    const fd = this.#reserve(thread)
    if (fd < 0) return false
    // The end first: a search after this thread's death must come to the note.
    if (Atomics.load(this.#words, Word.parkedEnd) <= fd) this.#raiseEnd(fd + 1)
    const since = duplicateOver(socketFd, fd) ? shortClock() : TAKEN_BACK
    Atomics.store(this.#words, parkedWord(fd), since)
    // Until here the mark in the table is the thread's own, so this word is not believed any more from the note on.
    Atomics.store(this.#words, threadWord(thread, ThreadWord.reserved), 0)
    if (since === TAKEN_BACK) {
      closeDescriptor(fd)
      return false
    }
    if (!this.#epoll.addOnce(fd)) {
      // Unless the parker was told to search just now and succeeded with what this thread failed with.
      return !this.#takeBack(thread, fd, since)
    }
    // The note first, then the look: see `ParkerClock`.
    this.clock.start()
    return this.orders.isOpen || !this.#takeBack(thread, fd, since)
  }

  // -- parker ---------------------------------------------------------------------------------------

  /** Since when a descriptor is parked; 0 if it is not. */
  parkedSince(fd: number): number {
    return Math.max(0, Atomics.load(this.#words, parkedWord(fd)))
  }

  /**
   * Takes a descriptor out of those that are parked; false if somebody else was faster. (Should another connection be parked
   * under this number by now, it will be reported by itself.)
   *
   * The parker notes it as in hand before, but after the look at `since`: only then a 0 can't be older than that note.
   */
  claim(fd: number, since: number): boolean {
    return Atomics.compareExchange(this.#words, parkedWord(fd), since, CLAIMED) === since
  }

  /** Puts back what was claimed. It is not watched until `watch`. */
  unclaim(fd: number, since: number): void {
    Atomics.store(this.#words, parkedWord(fd), since)
  }

  watch(fd: number): boolean {
    return this.#epoll.addOnce(fd)
  }

  /** A descriptor that has come from another process: to be called before it is noted as in hand. */
  receive(fd: number): void {
    Atomics.store(this.#words, parkedWord(fd), CLAIMED)
  }

  /** Parks what was received and is in hand. It is not watched until `watch`. */
  noteReceived(fd: number): void {
    if (Atomics.load(this.#words, Word.parkedEnd) <= fd) this.#raiseEnd(fd + 1)
    Atomics.store(this.#words, parkedWord(fd), shortClock())
  }

  /** Before a descriptor is handed on: the kernel remembers it as long as the connection lives, not the descriptor. */
  unwatch(fd: number): void {
    this.#epoll.remove(fd)
  }

  /**
   * Closes this descriptor's side of a connection, and keeps the number: it means the wake descriptor now. What is noted of a
   * descriptor must be erased before its number is given anew, but if the connection were still open then, and the
   * thread died in that moment, its client would wait for ever.
   */
  end(fd: number): void {
    duplicateOver(this.#wake, fd)
  }

  /** Calls `visit` for each parked descriptor. Returns how many there are. */
  each(visit: (fd: number) => void): number {
    let parked = 0
    for (let fd = this.nextFrom(0); fd >= 0; fd = this.nextFrom(fd + 1)) {
      parked++
      visit(fd)
    }
    return parked
  }

  /** The first parked descriptor from this number on, -1 if there is none. */
  nextFrom(first: number): number {
    const words = this.#words
    const end = Atomics.load(words, Word.parkedEnd)
    for (let fd = first; fd < end; fd++) if ((words[parkedWord(fd)] ?? 0) > 0) return fd
    return -1
  }

  /** For how long a descriptor has been parked, in ms; 0 if it is not. */
  parkedMs(fd: number): number {
    const since = this.parkedSince(fd)
    return since === 0 ? 0 : elapsedMs(since)
  }

  /** How many are parked. */
  get count(): number {
    return this.each(() => undefined)
  }

  // -- the child's main thread ----------------------------------------------------------------------

  /**
   * After a thread has ended: the descriptor that it had reserved and not parked, -1 if there is none. It is the caller's then:
   * the connection, or what stood under its number before.
   */
  recoverReserved(dead: number): number {
    const word = threadWord(dead, ThreadWord.reserved)
    const fd = Atomics.load(this.#words, word) - 1
    if (fd < 0) return -1
    Atomics.store(this.#words, word, 0)
    const mark = reservedBy(dead)
    return Atomics.compareExchange(this.#words, parkedWord(fd), mark, TAKEN_BACK) === mark ? fd : -1
  }

  /** After the death of the parker: whether it had claimed the descriptor that it has noted as in hand. */
  isClaimed(fd: number): boolean {
    return Atomics.load(this.#words, parkedWord(fd)) === CLAIMED
  }

  // -------------------------------------------------------------------------------------------------

  /** A number for a connection, marked as this thread's; -1 if there is none to be had. */
  #reserve(thread: number): number {
    const fd = duplicate(this.#wake)
    if (fd < 0) return -1
    if (fd >= PARKED_PLACES) {
      closeDescriptor(fd)
      return -1
    }
    Atomics.store(this.#words, parkedWord(fd), reservedBy(thread))
    Atomics.store(this.#words, threadWord(thread, ThreadWord.reserved), fd + 1)
    return fd
  }

  /** Undoes a note of this thread, by the same steps backwards; false if the connection is somebody else's by now. */
  #takeBack(thread: number, fd: number, since: number): boolean {
    const reserved = threadWord(thread, ThreadWord.reserved)
    // Believed only together with the mark, which is there from the exchange on.
    Atomics.store(this.#words, reserved, fd + 1)
    const mark = reservedBy(thread)
    const isOurs = Atomics.compareExchange(this.#words, parkedWord(fd), since, mark) === since
    if (isOurs) {
      this.#epoll.remove(fd)
      this.end(fd)
      Atomics.store(this.#words, parkedWord(fd), TAKEN_BACK)
    }
    Atomics.store(this.#words, reserved, 0)
    if (isOurs) closeDescriptor(fd)
    return isOurs
  }

  #raiseEnd(end: number): void {
    for (;;) {
      const seen = Atomics.load(this.#words, Word.parkedEnd)
      if (seen >= end) return
      if (Atomics.compareExchange(this.#words, Word.parkedEnd, seen, end) === seen) return
    }
  }
}
