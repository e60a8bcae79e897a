import { setTimeout as sleep } from 'node:timers/promises'
import { closeDescriptor } from '../sys/descriptor.js'
import { Bell } from './bell.js'
import { bit, count, lowestBit } from './bits.js'
import { LockOwner, PARKER_THREAD, ThreadWord, threadWord, Word } from './child-memory.js'
import { descriptorOf } from './entry.js'
import { EventCount } from './event-count.js'
import { FdQueue } from './fd-queue.js'
import type { HistogramCells } from './histogram-cells.js'
import { MAX_THREADS } from './limits.js'
import { LoopTurns } from './loop-turns.js'
import type { Mailbox } from './mailbox.js'
import type { Mechanism } from './mechanism.js'
import type { Scoreboard } from './scoreboard.js'

/** How long to leave a full queue to the threads before trying again. */
const FULL_MS = 2

/**
 * The hand-off of descriptors from the listener thread to the worker threads of one child.
 *
 * Each worker thread is in one of three states, of which it alone makes the moves:
 *
 *     idle   no request in flight: the next descriptor is its own         (bit in the idle word)
 *     open   requests in flight, but they wait for I/O: its loop turns     (bit in the open word)
 *     busy   running a handler, or waiting for a new connection's request  (neither bit)
 *
 * The idle word lies in the scoreboard, where other processes see it; all else in the child's memory.
 *
 * **No descriptor waits while a thread is idle (beyond one wake-up).** The listener thread writes the queue
 * and then reads the idle word; a thread that stops being idle writes the idle word and then reads the
 * queue. Atomics are sequentially consistent, so one of the two sees the other's write: either the
 * listener does not choose that thread, or the thread finds the descriptor and wakes the next idle one
 * (it passes the baton). A thread that becomes idle or open reads the queue after it has set its bit: either
 * it finds the descriptor, or the listener, which wrote the queue later, sees the bit and wakes it. A wake-up is
 * a count that grows, and a thread that arms itself for the next one reads the count before it reads the
 * queue: a wake-up between the two makes the arming return at once.
 *
 * **The listener thread never sleeps through capacity.** It sets "asleep", then looks for capacity, then
 * sleeps on an event count read before. A thread sets its bit (or takes from the queue), then reads "asleep".
 * Again one of the two sees the other's write; and if the count grew between, the sleep does not begin.
 */
export class HandOff {
  readonly queue: FdQueue
  readonly turns: LoopTurns
  readonly #pressure: Bell
  readonly #stir: Bell
  readonly #words: Int32Array
  readonly #slot: number
  readonly #scoreboard: Scoreboard
  readonly #shared: Int32Array
  readonly #idleIndex: number
  readonly #mechanism: Mechanism
  readonly #mailbox: Mailbox | undefined
  readonly #capacity: EventCount
  /** One per thread. */
  readonly #wakes: readonly EventCount[]
  readonly #handOffTimes: HistogramCells
  /** The bit of the thread that `wakeAhead` has woken; of the listener thread only. */
  #ahead = 0

  /** `slot` is that of this process in the scoreboard. */
  constructor(
    memory: SharedArrayBuffer,
    scoreboard: Scoreboard,
    slot: number,
    mechanism: Mechanism,
    mailbox?: Mailbox,
  ) {
    this.#words = new Int32Array(memory)
    this.#slot = slot
    this.#scoreboard = scoreboard
    this.#shared = scoreboard.words
    this.#idleIndex = scoreboard.idleIndex(slot)
    this.#handOffTimes = scoreboard.histogram('handOff')
    this.#mechanism = mechanism
    this.#mailbox = mailbox
    this.queue = new FdQueue(this.#words)
    this.turns = new LoopTurns(this.#words)
    this.#pressure = new Bell(this.#words, Word.pressure, Word.pressureWanted)
    this.#stir = new Bell(this.#words, Word.stirred, Word.stirWanted)
    this.#capacity = new EventCount(this.#words, Word.capacity)
    this.#wakes = Array.from(
      { length: MAX_THREADS },
      (_, thread) => new EventCount(this.#words, threadWord(thread, ThreadWord.wake)),
    )
  }

  // ── worker thread ────────────────────────────────────────────────────────────────────────────────

  /**
   * The thread has nothing in flight any more. If it returns a descriptor, the thread is busy with that one now. Where
   * the listener thread is out of action, the thread accepts by itself, up to `room` connections.
   */
  becomeIdle(thread: number, room: number): number {
    Atomics.and(this.#words, Word.openBits, ~bit(thread))
    const fd = this.#selfServe(thread, room)
    if (fd >= 0) return fd
    Atomics.or(this.#shared, this.#idleIndex, bit(thread))
    if (this.queue.length > 0) return this.#takeAsBusy(thread)
    this.#announceCapacity()
    return -1
  }

  /** The thread has begun something. Called before its handler runs, so that the baton is on its way. */
  becomeBusy(thread: number): void {
    this.#clearIdle(thread)
    Atomics.and(this.#words, Word.openBits, ~bit(thread))
    if (this.queue.length > 0) this.wakeOne()
  }

  /** Like `becomeBusy`, for a thread whose idle bit is clear already. */
  leaveOpen(thread: number): void {
    Atomics.and(this.#words, Word.openBits, ~bit(thread))
  }

  /** The handler waits for something. If it returns a descriptor, the thread is busy with it and not open. */
  becomeOpen(thread: number): number {
    Atomics.or(this.#words, Word.openBits, bit(thread))
    if (this.queue.length > 0) return this.takeWhenWoken(thread)
    this.#announceCapacity()
    return -1
  }

  /**
   * A woken thread looks at the queue. An idle one takes; an open one takes when nobody is idle; otherwise it
   * wakes an idle one, so that the wake-up is not lost.
   */
  takeWhenWoken(thread: number): number {
    Atomics.and(this.#words, Word.wokenBits, ~bit(thread))
    if (this.queue.length === 0) return -1
    const idle = this.idleBits
    if (idle & bit(thread)) return this.#takeAsBusy(thread)
    if (idle !== 0) {
      this.wakeOne()
      return -1
    }
    if ((Atomics.load(this.#words, Word.openBits) & bit(thread)) === 0) return -1
    const fd = this.#take(thread)
    if (fd >= 0) {
      Atomics.and(this.#words, Word.openBits, ~bit(thread))
      this.#afterTake()
    }
    return fd
  }

  /**
   * Whether a thread was woken ahead (`wakeAhead`) and what it was woken for is still on its way. It had better turn its event loop once than sleep, to be
   * woken again at once. Its woken bit stays, so that nobody wakes it meanwhile; the look that clears it is yet to come.
   */
  isCalledEarly(thread: number): boolean {
    const called = Atomics.load(this.#words, Word.wokenBits) & this.idleBits
    return (called & bit(thread)) !== 0 && this.queue.length === 0
  }

  /**
   * One more descriptor for a thread that has just taken one, if no other thread is idle. With short handlers several
   * connections in one turn of the event loop save turns.
   */
  takeAnother(thread: number): number {
    if (this.queue.length === 0 || this.idleBits !== 0) return -1
    const fd = this.#take(thread)
    if (fd >= 0) this.#announceCapacity()
    return fd
  }

  /**
   * The thread is about to run a handler that may block it for long, and nobody idles here: what is still queued goes into
   * the mailbox, from where any thread of the pool may take it. Two can have counted on one idle thread (the listener
   * thread and the parker, or one of them and a request on a connection that this thread has), and without this the
   * second one's connection would wait here although another process has idle threads.
   *
   * Mailbox and queue may both be full by then. What has no place in either is returned, in hand: the thread serves it
   * itself, late but not lost. Else -1.
   */
  shed(thread: number): number {
    const mailbox = this.#mailbox
    if (mailbox === undefined || this.isStopping) return -1
    while (this.queue.length > 0 && this.idleBits === 0) {
      const entry = this.queue.take(thread)
      if (entry < 0) return -1
      this.queue.holdMailed(thread, entry)
      // Full: so many wait that one queue more does not matter.
      if (!mailbox.put(entry)) return this.#putBack(thread, entry)
      // The connection is let go, then the note is erased, and only then the number may mean something else.
      mailbox.letGo(entry)
      this.queue.unhand(thread)
      closeDescriptor(descriptorOf(entry))
      if (this.isStopping) return this.#takeBack(thread, mailbox)
    }
    return -1
  }

  /** The push writes the note anew, before it can be seen that the ring is full. */
  #putBack(thread: number, entry: number): number {
    return this.queue.push(LockOwner.worker(thread), entry) ? -1 : entry
  }

  /**
   * The child stops, and may have looked into the mailbox for the last time before something was put in. A worker thread
   * looks into the queue once more when it ends.
   */
  #takeBack(thread: number, mailbox: Mailbox): number {
    const entry = mailbox.take()
    return entry < 0 ? -1 : this.#putBack(thread, entry)
  }

  /** The thread will take nothing more: it drains, or has died. */
  withdraw(thread: number): void {
    this.becomeBusy(thread)
  }

  /**
   * Resolves when the thread shall look at the queue. The count is read at once, so that whatever is
   * queued after this call is not missed. The promise does not keep the thread alive; its lease does.
   */
  nextWake(thread: number): Promise<unknown> {
    const wakes = this.#wakes[thread]
    return wakes === undefined ? Promise.resolve() : wakes.waitAsync(wakes.read())
  }

  /** Ends a `nextWake`, also when nothing is queued. */
  wake(thread: number): void {
    this.#wakes[thread]?.advance()
  }

  // ── listener thread ──────────────────────────────────────────────────────────────────────────────

  /**
   * A connection waits, and is about to be accepted and offered: an idle thread that sleeps is woken now, so that it is on its way
   * meanwhile. If nothing comes of it, or too late, the thread finds the queue empty and sleeps again.
   */
  wakeAhead(): void {
    const asleep = this.idleBits & ~Atomics.load(this.#words, Word.wokenBits)
    this.#ahead = asleep === 0 ? 0 : bit(lowestBit(asleep))
    if (asleep !== 0) this.#call(lowestBit(asleep))
  }

  /**
   * Queues descriptors and wakes a thread for each as far as there are idle ones; one that was woken ahead counts, if it still
   * has to look at the queue. Returns how many were queued: fewer than given only if the ring is full.
   */
  offer(self: number, descriptors: readonly number[]): number {
    let queued = 0
    while (queued < descriptors.length && this.queue.push(self, descriptors[queued] ?? -1)) queued++
    let wakes = Math.min(queued, Math.max(this.idleCount, 1))
    if (wakes > 0 && this.#isAheadComing()) wakes--
    for (; wakes > 0; wakes--) this.wakeOne()
    return queued
  }

  /**
   * Whether the thread that was woken ahead will look at the queue as it is now. It clears its woken bit and then reads the queue;
   * here the queue was written, and then the bit is read: one of the two sees the other's write. Should it have become busy, it
   * may have passed the baton before there was anything to pass: hence the look at its idle bit, and whoever clears that one
   * later reads the queue after it. A bit that another has set since is as good: a call follows it, or the recovery of the one that
   * died in between, which erases the bits and then reads the queue.
   */
  #isAheadComing(): boolean {
    const idle = this.idleBits
    const coming = idle & Atomics.load(this.#words, Word.wokenBits) & this.#ahead
    this.#ahead = 0
    return coming !== 0
  }

  /** Sleeps until `hasCapacity` may have become true, `timeoutMs` is over, or `stopListening` is called. */
  sleepUntil(hasCapacity: () => boolean, timeoutMs = Number.POSITIVE_INFINITY): void {
    const seen = this.#capacity.read()
    Atomics.store(this.#words, Word.listenerAsleep, 1)
    if (!hasCapacity() && !this.isStopping) this.#capacity.wait(seen, timeoutMs)
    Atomics.store(this.#words, Word.listenerAsleep, 0)
  }

  isIdle(thread: number): boolean {
    return (this.idleBits & bit(thread)) !== 0
  }

  get idleBits(): number {
    return Atomics.load(this.#shared, this.#idleIndex)
  }

  get idleCount(): number {
    return count(this.idleBits)
  }

  get openCount(): number {
    return count(Atomics.load(this.#words, Word.openBits))
  }

  /** Whether the listener thread watches nothing, for want of capacity. */
  get isListenerAsleep(): boolean {
    return Atomics.load(this.#words, Word.listenerAsleep) === 1
  }

  get isStopping(): boolean {
    return Atomics.load(this.#words, Word.stopping) === 1
  }

  // ── the child's main thread ──────────────────────────────────────────────────────────────────────

  /** Tells the listener thread to leave as soon as it runs again, and the worker threads to accept nothing. */
  stopListening(): void {
    Atomics.store(this.#words, Word.stopping, 1)
    this.#capacity.advance()
  }

  /**
   * Queues a descriptor from the child's main thread, and wakes a thread for it. It waits without blocking: for the
   * queue's mutex, whose holder may be dead without this thread's knowing yet, and for room in the ring.
   */
  async offerLater(self: number, fd: number): Promise<void> {
    while (!(await this.queue.pushAsync(self, fd))) await sleep(FULL_MS)
    this.wakeOne()
  }

  /** Resolves the next time that the last idle thread becomes busy, or at once if none is idle. */
  nextPressure(): Promise<void> {
    return this.#pressure.next(() => this.idleBits === 0)
  }

  /** Resolves the next time that an idle thread becomes busy, or at once if `isBusy()`. */
  nextStir(isBusy: () => boolean): Promise<void> {
    return this.#stir.next(isBusy)
  }

  /**
   * After a thread has ended: nobody will choose it, what it had taken but not wrapped is queued again for the
   * others, and the wake-up that it may have had with it goes to somebody else.
   */
  async recover(self: number, dead: number): Promise<void> {
    this.#mechanism.recover(LockOwner.worker(dead))
    const fd = this.#recoverInHand(dead)
    this.withdraw(dead)
    this.turns.forget(dead)
    this.#forgetCalls()
    if (this.queue.length > 0) this.wakeOne()
    this.#announceCapacity()
    if (fd >= 0) await this.offerLater(self, fd)
  }

  /**
   * After the parker has ended: what it had in hand is queued, if it had claimed it, and a wake-up that it may have kept is
   * given again.
   */
  async recoverParker(self: number, isClaimed: (fd: number) => boolean): Promise<void> {
    const entry = this.#recoverInHand(PARKER_THREAD)
    this.#forgetCalls()
    if (this.queue.length > 0) this.wakeOne()
    if (entry >= 0 && isClaimed(descriptorOf(entry))) await this.offerLater(self, entry)
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Wakes one idle thread, or every open one: of those it is not known which loop turns next.
   *
   * The lowest one, so that as few threads as the load needs stay warm; but not one that is on its way already, so that
   * two descriptors start two threads at once. Here nothing rests on these bits: if every idle thread is on its way, the
   * lowest is woken once more, so some idle thread always looks at the queue after the call.
   */
  wakeOne(): void {
    const idle = this.idleBits
    if (idle !== 0) {
      const asleep = idle & ~Atomics.load(this.#words, Word.wokenBits)
      this.#call(lowestBit(asleep !== 0 ? asleep : idle))
      return
    }
    let open = Atomics.load(this.#words, Word.openBits)
    while (open !== 0) {
      const thread = 31 - Math.clz32(open)
      this.wake(thread)
      open &= ~bit(thread)
    }
    // Busy threads look at the queue by themselves as soon as they become idle or open.
  }

  #call(thread: number): void {
    Atomics.or(this.#words, Word.wokenBits, bit(thread))
    this.wake(thread)
  }

  /**
   * A thread that died in `#call` may have left a bit without a call, and the listener thread would rely on it. To erase a bit
   * whose call is on its way costs a needless wake-up at most.
   */
  #forgetCalls(): void {
    Atomics.store(this.#words, Word.wokenBits, 0)
  }

  #recoverInHand(dead: number): number {
    const mailed = this.queue.recoverMailed(dead)
    if (mailed >= 0) closeDescriptor(descriptorOf(mailed))
    return this.queue.recover(dead)
  }

  #clearIdle(thread: number): void {
    const before = Atomics.and(this.#shared, this.#idleIndex, ~bit(thread))
    if (before === bit(thread)) this.#pressure.ring()
    if (before & bit(thread)) this.#stir.ring()
  }

  /** What a thread takes to serve it; how long it was queued counts. */
  #take(thread: number): number {
    const fd = this.queue.take(thread)
    if (fd >= 0) this.#handOffTimes.record(this.queue.lastWaitSeconds)
    return fd
  }

  /** Busy first, then the queue: between the two the listener does not count on this thread. */
  #takeAsBusy(thread: number): number {
    this.#clearIdle(thread)
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
    if (this.queue.length > 0) this.wakeOne()
    this.#announceCapacity()
  }

  /**
   * Connections that go to this busy thread without a detour; they pass the queue, where they are safe should the
   * thread die, and other threads may take them as well. More than one only if nobody idles anywhere.
   */
  #selfServe(thread: number, room: number): number {
    if (!this.isListenerAsleep || this.isStopping) return -1
    const isAlone =
      room > 1 && this.idleBits === 0 && this.#scoreboard.idleElsewhere(this.#slot) === 0
    const self = LockOwner.worker(thread)
    let fresh = 0
    const accepted = this.#mechanism.selfServe(self, isAlone ? room : 1, (entry, isNew) => {
      if (isNew) fresh++
      // The ring has room for all that idle threads take at once, and none is idle; still better closed than leaked.
      if (this.queue.push(self, entry)) return
      this.queue.unhand(thread)
      closeDescriptor(descriptorOf(entry))
    })
    if (accepted === 0) return -1
    if (fresh > 0) this.#scoreboard.addToField(this.#slot, 'accepted', fresh)
    const fd = this.#take(thread)
    // As after any take: a thread that became idle before the push has seen an empty queue, and the listener thread may have
    // gone to sleep while this descriptor was queued.
    if (fd >= 0) this.#afterTake()
    return fd
  }

  /**
   * Called after each change that may make room: a bit set, a descriptor taken. The changes have an order, and whoever makes
   * the last of those that together make room sees the others; so it suffices to look for room here.
   */
  #announceCapacity(): void {
    if (!this.isListenerAsleep) return
    const queued = this.queue.length
    const mayQueueForOpen = queued === 0 && Atomics.load(this.#words, Word.openBits) !== 0
    if (this.idleCount <= queued && !mayQueueForOpen) return
    this.#mechanism.wakeListener()
  }
}
