import { setTimeout as sleep } from 'node:timers/promises'
import { closeDescriptor } from '../sys/descriptor.js'
import { NONE_ACCEPTED } from './acceptor.js'
import { bit } from './bits.js'
import { LockOwner, PARKER_THREAD } from './child-memory.js'
import { descriptorOf } from './entry.js'
import { FdQueue } from './fd-queue.js'
import type { HistogramCells } from './histogram-cells.js'
import { ListenerSleep } from './listener-sleep.js'
import type { CallTurn } from './listener-watch.js'
import { LoopTurns } from './loop-turns.js'
import type { Mechanism } from './mechanism.js'
import type { Scoreboard } from './scoreboard.js'
import { SelfService } from './self-service.js'
import { Standings } from './standings.js'
import { WakeUps } from './wake-ups.js'

/** How long to leave a full queue to the threads before trying again. */
const FULL_MS = 2

/**
 * The hand-off of descriptors from the listener thread to the worker threads of one child: in which order each of them
 * writes and reads the words that they share. These words belong to its parts:
 *
 *     queue      the descriptors that wait
 *     standings  which threads are idle, which open (requests in flight, but the loop turns), which busy
 *     wakeUps    who is called to the queue
 *     listener   the sleep of the listener thread while there is no capacity
 *     turns      the question whether a thread's loop turns
 *
 * **No descriptor waits while a thread is idle (beyond one wake-up).** The listener thread writes the queue
 * and then reads the idle word; a thread that stops being idle writes the idle word and then reads the
 * queue. Atomics are sequentially consistent, so one of the two sees the other's write: either the
 * listener does not choose that thread, or the thread finds the descriptor and wakes the next idle one
 * (it passes the baton). A thread that becomes idle or open reads the queue after it has set its bit: either
 * it finds the descriptor, or the listener, which wrote the queue later, sees the bit and wakes it. Why no wake-up
 * is lost: see `WakeUps`.
 *
 * **The listener thread never sleeps through capacity**, because each change here that may make room is announced after
 * it was made: see `ListenerSleep`.
 *
 * Without an accept mutex there is no listener thread: each thread accepts when it is called (`takeWhenCalled`), and the queue is for what comes from the
 * parker and the child's main thread.
 */
export class HandOff {
  readonly queue: FdQueue
  readonly standings: Standings
  readonly wakeUps: WakeUps
  readonly listener: ListenerSleep
  readonly turns: LoopTurns
  readonly #selfService: SelfService
  readonly #mechanism: Mechanism
  readonly #scoreboard: Scoreboard
  readonly #slot: number
  readonly #handOffTimes: HistogramCells

  /** `slot` is that of this process in the scoreboard. */
  constructor(
    memory: SharedArrayBuffer,
    scoreboard: Scoreboard,
    slot: number,
    mechanism: Mechanism,
  ) {
    const words = new Int32Array(memory)
    const queue = new FdQueue(words)
    const standings = new Standings(words, scoreboard, slot)
    const listener = new ListenerSleep(words, queue, standings, mechanism)
    this.queue = queue
    this.standings = standings
    this.wakeUps = new WakeUps(words, standings, queue)
    this.listener = listener
    this.turns = new LoopTurns(words)
    this.#selfService = new SelfService(slot, scoreboard, queue, standings, listener, mechanism)
    this.#mechanism = mechanism
    this.#scoreboard = scoreboard
    this.#slot = slot
    this.#handOffTimes = scoreboard.histogram('handOff')
  }

  // -- worker thread --------------------------------------------------------------------------------

  /**
   * The thread has nothing in flight any more. If it returns a descriptor, the thread is busy with that one now. Where
   * the listener thread is out of action, the thread accepts by itself, up to `room` connections.
   */
  becomeIdle(thread: number, room: number): number {
    this.standings.clearOpen(thread)
    if (this.#selfService.look(thread, room) > 0) {
      const fd = this.#take(thread)
      if (fd >= 0) {
        // As after any take: a thread that became idle before the push has seen an empty queue, and the listener thread may have
        // gone to sleep while this descriptor was queued.
        this.#afterTake()
        return fd
      }
    }
    this.standings.setIdle(thread)
    if (this.queue.length > 0) return this.#takeAsBusy(thread)
    this.#mechanism.watch?.on()
    this.listener.announceCapacity()
    return -1
  }

  /** The thread has begun something. Called before its handler runs, so that the baton is on its way. */
  becomeBusy(thread: number): void {
    this.standings.clearIdle(thread)
    this.standings.clearOpen(thread)
    if (this.queue.length > 0) this.wakeUps.wakeOne()
  }

  /** Like `becomeBusy`, for a thread whose idle bit is clear already. */
  leaveOpen(thread: number): void {
    this.standings.clearOpen(thread)
  }

  /** The handler waits for something. If it returns a descriptor, the thread is busy with it and not open. */
  becomeOpen(thread: number): number {
    this.standings.setOpen(thread)
    const fd = this.queue.length > 0 ? this.takeWhenWoken(thread) : -1
    if (fd >= 0) return fd
    this.#mechanism.watch?.on()
    this.listener.announceCapacity()
    return -1
  }

  /**
   * The watch of this thread on the listeners has called it. What it can take is queued, and returned like that of a wake-up; else its watch goes off,
   * and another one is called.
   */
  takeWhenCalled(thread: number, room: number): CallTurn {
    const isOpen = this.standings.isOpen(thread)
    const mayTake = this.standings.isIdle(thread) || (isOpen && this.#isNobodyIdle)
    const { accepted, shortage } = mayTake
      ? this.#selfService.accept(thread, isOpen ? 1 : room)
      : NONE_ACCEPTED
    if (accepted > 0) return { fd: this.takeWhenWoken(thread), shortage: 0, stepsBack: false }
    if (!mayTake || shortage !== 0) {
      this.#mechanism.watch?.off()
      this.#mechanism.watch?.callAnother()
    }
    return { fd: -1, shortage, stepsBack: isOpen && !mayTake }
  }

  /** This thread has something else to do, and may have been called alone for what still waits. */
  passCallOn(): void {
    this.#mechanism.watch?.callAnother()
  }

  /** Nobody calls this thread at the moment; it can take something perhaps. */
  watchAgain(thread: number): void {
    if (this.standings.isIdle(thread) || this.standings.isOpen(thread)) this.#mechanism.watch?.on()
  }

  /**
   * A woken thread looks at the queue. An idle one takes; an open one takes when nobody is idle; otherwise it
   * wakes an idle one, so that the wake-up is not lost.
   */
  takeWhenWoken(thread: number): number {
    this.wakeUps.arrived(thread)
    if (this.queue.length === 0) return -1
    const idle = this.standings.idleBits
    if (idle & bit(thread)) return this.#takeAsBusy(thread)
    if (idle !== 0) {
      this.wakeUps.wakeOne()
      return -1
    }
    if (!this.standings.isOpen(thread)) return -1
    const fd = this.#take(thread)
    if (fd >= 0) {
      this.standings.clearOpen(thread)
      this.#afterTake()
    }
    return fd
  }

  /**
   * One more descriptor for a thread that has just taken one, if no other thread is idle. With short handlers several
   * connections in one turn of the event loop save turns.
   */
  takeAnother(thread: number): number {
    if (this.queue.length === 0 || this.standings.idleBits !== 0) return -1
    const fd = this.#take(thread)
    if (fd >= 0) this.listener.announceCapacity()
    return fd
  }

  /** The thread will take nothing more: it drains, or has died. */
  withdraw(thread: number): void {
    this.becomeBusy(thread)
    const { watch } = this.#mechanism
    if (watch?.isOn !== true) return
    watch.off()
    watch.callAnother()
  }

  // -- listener thread ------------------------------------------------------------------------------

  /**
   * Queues descriptors and wakes a thread for each as far as there are idle ones; one that was woken ahead counts, if it still
   * has to look at the queue. Returns how many were queued: fewer than given only if the ring is full.
   */
  offer(self: number, descriptors: readonly number[]): number {
    let queued = 0
    while (queued < descriptors.length && this.queue.push(self, descriptors[queued] ?? -1)) queued++
    let wakes = Math.min(queued, Math.max(this.standings.idleCount, 1))
    if (wakes > 0 && this.wakeUps.isAheadComing()) wakes--
    for (; wakes > 0; wakes--) this.wakeUps.wakeOne()
    return queued
  }

  // -- the child's main thread ----------------------------------------------------------------------

  /**
   * Queues a descriptor from the child's main thread, and wakes a thread for it. It waits without blocking: for the
   * queue's mutex, whose holder may be dead without this thread's knowing yet, and for room in the ring.
   */
  async offerLater(self: number, fd: number): Promise<void> {
    while (!(await this.queue.pushAsync(self, fd))) await sleep(FULL_MS)
    this.wakeUps.wakeOne()
  }

  /** A thread is about to be ended, whatever it does: nothing more is meant for it. */
  endsThread(thread: number): void {
    this.standings.noteEnding(thread)
    this.becomeBusy(thread)
    this.#mechanism.endWatch?.(thread)
  }

  /** Whether a connection is better off with another thread than with one that is about to have time. */
  get isSomebodyIdle(): boolean {
    return !this.#isNobodyIdle
  }

  /**
   * After a thread has ended: nobody will choose it, what it had taken but not wrapped is queued again for the
   * others, and the wake-up that it may have had with it goes to somebody else.
   */
  async recover(self: number, dead: number): Promise<void> {
    const fd = this.#recoverInHand(dead)
    // An open thread leaves a connection to those that idle: so the dead one must not count as idle when another is called.
    this.withdraw(dead)
    this.standings.forgetEnding(dead)
    this.#mechanism.recover(LockOwner.worker(dead))
    this.turns.forget(dead)
    this.wakeUps.forget()
    if (this.queue.length > 0) this.wakeUps.wakeOne()
    this.listener.announceCapacity()
    if (fd >= 0) await this.offerLater(self, fd)
  }

  /**
   * After the parker has ended: what it had in hand is queued, if it had claimed it, and a wake-up that it may have kept is
   * given again.
   */
  async recoverParker(self: number, isClaimed: (fd: number) => boolean): Promise<void> {
    const entry = this.#recoverInHand(PARKER_THREAD)
    this.wakeUps.forget()
    if (this.queue.length > 0) this.wakeUps.wakeOne()
    if (entry >= 0 && isClaimed(descriptorOf(entry))) await this.offerLater(self, entry)
  }

  // -------------------------------------------------------------------------------------------------

  get #isNobodyIdle(): boolean {
    return this.standings.idleBits === 0 && this.#scoreboard.idleElsewhere(this.#slot) === 0
  }

  #recoverInHand(dead: number): number {
    const mailed = this.queue.recoverMailed(dead)
    if (mailed >= 0) closeDescriptor(descriptorOf(mailed))
    return this.queue.recover(dead)
  }

  /** What a thread takes to serve it; how long it was queued counts. */
  #take(thread: number): number {
    const fd = this.queue.take(thread)
    if (fd >= 0) this.#handOffTimes.record(this.queue.lastWaitSeconds)
    return fd
  }

  /** Busy first, then the queue: between the two the listener does not count on this thread. */
  #takeAsBusy(thread: number): number {
    this.standings.clearIdle(thread)
    const fd = this.#take(thread)
    if (fd < 0) {
      // Somebody else was faster. A descriptor that came since found this bit clear: look again.
      return this.becomeIdle(thread, 1)
    }
    this.#afterTake()
    return fd
  }

  /** What is left in the queue goes to the next idle thread; and the listener may accept one more. */
  #afterTake(): void {
    if (this.queue.length > 0) this.wakeUps.wakeOne()
    this.listener.announceCapacity()
  }
}
