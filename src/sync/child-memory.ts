import { MAX_THREADS } from './limits.js'

/**
 * The memory that the threads of one child share: a SharedArrayBuffer of 32-bit words. Everything that a
 * thread sleeps on is here, since `Atomics.wait` works inside a process only. What other processes
 * must see is in the scoreboard.
 *
 *     word   0  queue mutex           who holds the fd queue
 *            1  queue head            next place to take from   (under the mutex)
 *            2  queue tail            next place to put to      (under the mutex)
 *            3  parking over        1: nothing is parked any more, and the parker shall leave
 *            4  stirred               event count: grows when an idle thread has become busy
 *            5  stir wanted           1 while the child's main thread wants to be told of that
 *            6  yields arrivals       1: connections of processes that leave are left to others
 *           16  capacity              event count: grows when a thread may be able to take more
 *           17  listener asleep       1 while the listener thread watches no listener, for want of capacity
 *           18  open bits             one per thread: busy, but its loop turns (waits for I/O)
 *           19  stopping              1: nobody shall accept any more, and the listener thread leave
 *           20  woken bits            one per thread: woken, and has not looked at the queue since
 *           21  acceptor              mutex: which thread of this child holds or wants the accept mutex
 *           22  first listener        which listener is asked first, so that no port starves
 *           23  pressure              event count: grows when the last idle thread has become busy
 *           24  pressure wanted       1 while the child's main thread wants to be told of that
 *           25  parker runs           1 when connections may be parked: the parker has begun to watch
 *           26  clock stopped         1 while the parker sleeps without a time-out, for nothing is parked
 *           27  parked end            one more than the highest descriptor that was ever parked
 *           28  search again          1: the parker shall watch everything that is noted as parked
 *           29  clear HTTP            one bit for each of the first 32 listeners, see ClearHttp
 *           30                        … and of the others
 *           31  way out               what becomes of parked connections now, see WayOut
 *           32  ring[256]             the queued entries, see FdQueue
 *          288  queued at[256]        for each place of the ring, when its entry was put there, in µs (32 bits)
 *          544  thread 0              16 words each: one cache line
 *          560  thread 1 …            the one behind the last is the parker's
 *         1072  parked[262144]        per descriptor: since when it is parked, ms (31 bits); 0 or less: it is not, see Parking
 *
 *     thread  +0  wake                event count: grows when the thread shall look at the queue
 *             +1  in hand             entry + 1 taken from the queue and not yet wrapped, or taken out of the parked ones
 *             +2  asked at            ms (31 bits) when it was asked whether its loop turns; 0: no question open
 *             +3  reserved            descriptor + 1 that it has reserved to park a connection under
 *             +4  loop                descriptor + 1 of the epoll instance in which its event loop sleeps
 *             +5  switching           1 while it switches its watch of the listeners on or off
 *             +6  ending              1 when it is to be ended: it neither counts as idle nor watches anything any more
 */

/** A power of two, enough for 32 threads that serve themselves, eight connections each (`Activity`). */
export const RING_SIZE = 256

export const Word = {
  queueMutex: 0,
  queueHead: 1,
  queueTail: 2,
  parkingOver: 3,
  stirred: 4,
  stirWanted: 5,
  yieldsArrivals: 6,
  capacity: 16,
  listenerAsleep: 17,
  openBits: 18,
  stopping: 19,
  wokenBits: 20,
  acceptor: 21,
  firstListener: 22,
  pressure: 23,
  pressureWanted: 24,
  parkerRuns: 25,
  clockStopped: 26,
  parkedEnd: 27,
  searchAgain: 28,
  clearHttpLow: 29,
  clearHttpHigh: 30,
  wayOut: 31,
  ring: 32,
  queuedAt: 32 + RING_SIZE,
} as const

const THREADS = Word.queuedAt + RING_SIZE
const THREAD_WORDS = 16
const PARKED = THREADS + (MAX_THREADS + 1) * THREAD_WORDS

/** Descriptors from here on are not parked. The table takes memory only as far as it is used. */
export const PARKED_PLACES = 2 ** 18

export const ThreadWord = {
  wake: 0,
  inHand: 1,
  askedAt: 2,
  reserved: 3,
  loop: 4,
  switching: 5,
  ending: 6,
} as const

/** The place of a thread's own word. */
export function threadWord(
  thread: number,
  word: (typeof ThreadWord)[keyof typeof ThreadWord],
): number {
  return THREADS + thread * THREAD_WORDS + word
}

/** Where it is noted since when a descriptor is parked, or what else has become of it. */
export function parkedWord(fd: number): number {
  return PARKED + fd
}

/** The parker has the words of one more thread, since it may have a descriptor in hand, too. */
export const PARKER_THREAD = MAX_THREADS

/** As owner of the queue mutex, thread `n` is number n + 1 (so is the parker), and the others follow. */
export const LockOwner = {
  worker: (thread: number): number => thread + 1,
  parker: PARKER_THREAD + 1,
  listener: PARKER_THREAD + 2,
  control: PARKER_THREAD + 3,
} as const

export function createChildMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((PARKED + PARKED_PLACES) * 4)
}
