import { MAX_PROCESSES, MAX_THREADS } from './limits.js'
import { HISTOGRAM_BYTES, REQUEST_SERIES_BYTES } from './request-series-layout.js'

/**
 * The scoreboard: memory that the parent, its children and all their threads map. Two levels, every offset in
 * this file.
 *
 *     byte 0        header           128 bytes
 *     byte 128      process slot 0   128 bytes, then its 32 thread slots of 256 bytes each
 *     byte 8448     process slot 1   …
 *     behind them   queue times      128 bytes for each thread's place, see QueueTimes
 *                   event loops      256 bytes for each thread's place, see LoopGauges
 *                   histograms       128 bytes for each of those in PoolHistogram
 *                   request series   see request-series-layout.ts
 *
 *     header        +0 magic  +4 layout version  +8 process slots in use (highest index + 1)
 *                   +12 mailed        entries in the mailbox at most, see Mailbox      (all)
 *                   +16 mails         how often something was put into the mailbox, modulo 2^32    (all)
 *     process slot  +0 idle word      one bit per thread, set and cleared by that thread alone
 *                   +4 serving        1 while the child accepts                        (child)
 *                   +8 listener state what the listener thread does, see ListenerState (listener thread)
 *                   +12 queue depth   descriptors in the fd queue at the last look     (listener thread)
 *                   +16 accepted      connections accepted, modulo 2^32                (whoever accepts)
 *                   +20 mutex waits   times the accept mutex was not free at once      (listener thread)
 *                   +24 accept errors errors other than "nothing there"                (whoever accepts)
 *                   +28 thread deaths threads that ended without returning their lease (child)
 *                   +32 parked        connections parked at the last look, a second ago   (parker)
 *                   +36 proxy errors  PROXY headers that were wrong or did not come         (worker threads)
 *                   +40 refused       requests and connections turned away before a handler ran  (listener and worker threads)
 *                   +44 moved         idle connections that came from processes that left    (parker)
 *                   +48 unmoved       those that found no room elsewhere                   (child and worker threads)
 *                   +52 retiring      odd while the sums of a thread that has ended move to "retired"  (child)
 *                   +64 retired       accepted, requests, errors, bytes of threads that ended (child, 64-bit floats)
 *     thread slot   +0 sequence       odd while the thread writes its row              (the thread)
 *                   +4 state          a ThreadState                                    (the thread, child)
 *                   +8 in flight      requests
 *                   +12 connections   open now
 *                   +16 fresh         connections whose first request has not arrived
 *                   +20 upgraded      connections that have changed to another protocol, such as WebSockets
 *                   +24 accepted      connections in all      (64-bit float from here on)
 *                   +32 requests      in all
 *                   +40 errors        handlers that threw or rejected
 *                   +48 bytes         written
 *                   +56 busy since    ms as monotonicMs counts, 0 when idle
 *                   +64 last used     ms as monotonicMs counts
 *                   +72 loop delay    ms
 *                   +80 heap used     bytes
 *                   +88 active        µs of event loop per request, recent
 *                   +96 request       what it began last, as text: a length in one byte, then Latin-1
 *                   +244 route        the number of its route's name; 0 as long as it has none
 *                   +248 slow route   the same of the last request that took long, when it ended
 *                   +252 slow request what that was, as a hash of the text
 *
 * Each field has the one writer named above (a thread slot: its thread; the child clears the slot of a thread that
 * has ended). Counts over threads or processes are always derived, never stored. No reader trusts what it
 * finds: pids and the like are the parent's own knowledge and stand nowhere in here, and every value is
 * taken as a mere figure.
 */
const HEADER_BYTES = 128
const PROCESS_HEADER_BYTES = 128
export const THREAD_BYTES = 256
export const PROCESS_BYTES = PROCESS_HEADER_BYTES + MAX_THREADS * THREAD_BYTES

export const QUEUE_TIMES_OFFSET = HEADER_BYTES + MAX_PROCESSES * PROCESS_BYTES
export const QUEUE_TIMES_PLACE_BYTES = 128

export const LOOPS_OFFSET =
  QUEUE_TIMES_OFFSET + MAX_PROCESSES * MAX_THREADS * QUEUE_TIMES_PLACE_BYTES
export const LOOP_BYTES = 256

/** Histograms that the whole pool has one of. */
export const PoolHistogram = {
  handOff: 0,
  mutexWait: 1,
  mutexHold: 2,
  gcMinor: 3,
  gcMajor: 4,
  gcIncremental: 5,
  gcWeak: 6,
} as const

export const HISTOGRAMS_OFFSET = LOOPS_OFFSET + MAX_PROCESSES * MAX_THREADS * LOOP_BYTES
const HISTOGRAMS = 8

export const REQUEST_SERIES_OFFSET = HISTOGRAMS_OFFSET + HISTOGRAMS * HISTOGRAM_BYTES

export const SCOREBOARD_BYTES = REQUEST_SERIES_OFFSET + REQUEST_SERIES_BYTES

export const MAGIC = 0x666b7468
export const LAYOUT_VERSION = 7

export const Header = { magic: 0, version: 1, slotsInUse: 2, mailed: 3, mails: 4, sent: 5 } as const

/** The place of the count of mailed entries. */
export const MAILED = Header.mailed

/** The place from which each mail gets its number. */
export const MAILS = Header.mails

/** The place of the count of connections that have been put into the transfer. */
export const SENT = Header.sent

export const ProcessField = {
  idleWord: 0,
  serving: 1,
  listenerState: 2,
  queueDepth: 3,
  accepted: 4,
  mutexWaits: 5,
  acceptErrors: 6,
  threadDeaths: 7,
  parked: 8,
  proxyErrors: 9,
  refused: 10,
  moved: 11,
  unmoved: 12,
  retiring: 13,
} as const

/** Place of the first 64-bit float in a process slot. */
export const RETIRED = 8

/** The places of a thread slot. */
export const Row = {
  sequence: 0,
  state: 1,
  inFlight: 2,
  connections: 3,
  fresh: 4,
  upgraded: 5,
  route: 61,
  slowRoute: 62,
  slowRequest: 63,
  // Places of 64-bit floats:
  accepted: 3,
  requests: 4,
  errors: 5,
  bytes: 6,
  busySince: 7,
  lastUsed: 8,
  loopDelay: 9,
  heapUsed: 10,
  activeUs: 11,
} as const

/** Where the text of the request begins in a thread slot, in bytes. */
export const REQUEST_OFFSET = 96
export const MOST_REQUEST_BYTES = Row.route * 4 - REQUEST_OFFSET - 1

export function processWord(slot: number): number {
  return (HEADER_BYTES + slot * PROCESS_BYTES) / 4
}

export function threadWord(slot: number, thread: number): number {
  return (HEADER_BYTES + slot * PROCESS_BYTES + PROCESS_HEADER_BYTES + thread * THREAD_BYTES) / 4
}
