/**
 * What the requests of a thread cost those that come after them, with the past fading out.
 *
 * `squaresUs2` / 2 / `spanUs` is how long a request that arrives at any moment would wait on average for the code that the
 * thread is running: the mean of what is left of the running piece, idle moments counted with 0. (Pieces of length s in a time T:
 * the sum of s²/2, divided by T; the mean residual life of renewal theory.) It is what a connection that stays with its
 * thread risks, and a parked one does not.
 */
export interface Blocking {
  readonly squaresUs2: number
  /** The largest part of `squaresUs2` that came from a single request. */
  readonly largestUs2: number
  readonly spanUs: number
  readonly activeUs: number
  readonly requests: number
}

export const noBlocking: Blocking = {
  squaresUs2: 0,
  largestUs2: 0,
  spanUs: 0,
  activeUs: 0,
  requests: 0,
}

/** A thread begins as if it had been idle for a second: its first request is slow, since nothing is warm yet, and tells little. */
export const freshThread: Blocking = { ...noBlocking, spanUs: 1_000_000 }

/** What a thread did since it was last asked. */
export interface BlockingSpan {
  readonly spanUs: number
  readonly requests: number
  /** Of the handlers that ran long, from their call to their return. */
  readonly longUs: number
  readonly longSquaresUs2: number
  readonly longestUs: number
  /** Of the event loop: what it did between two waits for events, those handlers included. */
  readonly activeUs: number
  /** It could have run, but others had the cores. */
  readonly delayUs: number
}

/** The past counts half after so long, or after so many requests, whichever comes first. */
const HALF_LIFE_US = 1_000_000
const HALF_LIFE_REQUESTS = 100

/**
 * Sooner where requests are short now: what was long before them is soon no reason to park any more, and to park all of them
 * would cost most of the throughput. (Measured: 2 × 2 threads go over from 20 ms to
 * hello within a second.)
 */
const HALF_LIFE_SHORT_REQUESTS = 12
const SHORT_US = 500

/**
 * A longer pause counts as one of this length. What a request risks is decided by those that come close to it: after a quiet
 * minute the next rush is likely to be like the last one, and must not have to be learned anew while connections wait.
 */
const LONGEST_SPAN_US = 250_000

/**
 * To park and to resume a connection costs 70 to 100 µs of CPU, and delays its next request by about as much. So a thread parks when it
 * saves a multiple of that in waiting: five times to begin with, two times to go on. (A handler of 1 ms at half load
 * saves 250 µs, one of 5 ms 1250 µs.)
 *
 * And the cost must be small beside the work: long waits of a thread with tiny requests come from a rare long one, and
 * there parking would cost more than it saves. While a thread parks, its
 * requests include that cost, hence the lower bound.
 */
const PARK = { fromWaitUs: 500, fromActiveUs: 200 } as const
const GO_ON = { fromWaitUs: 200, fromActiveUs: 150 } as const

/**
 * Of everything else (short handlers, continuations after an `await`, parsing) each request had its even share.
 *
 * What a thread waited for a core counts for nothing: no other thread would have had one for the connection. (Without this, a rush of hello
 * requests parks wherever there are more threads than cores: a time slice of another thread, 2 to 13 ms, looks like
 * a handler that blocks.) It is taken from all pieces evenly, since nobody knows in which one it was.
 */
export function addSpan(past: Blocking, span: BlockingSpan): Blocking {
  const activeUs = Math.max(0, span.activeUs - span.delayUs)
  const ran = span.activeUs > 0 ? activeUs / span.activeUs : 0
  const rest = Math.max(0, span.activeUs - span.longUs) * ran
  const squares =
    span.longSquaresUs2 * ran ** 2 + (span.requests > 0 ? rest ** 2 / span.requests : 0)
  const spanUs = Math.min(span.spanUs, LONGEST_SPAN_US)
  // A single slow request may be slow both in its handler and around it.
  const largest =
    (span.longestUs * ran) ** 2 + (span.requests > 0 ? (rest / span.requests) ** 2 : 0)
  const isShort = activeUs < span.requests * SHORT_US
  const halfLife = isShort ? HALF_LIFE_SHORT_REQUESTS : HALF_LIFE_REQUESTS
  const fade = 2 ** -(spanUs / HALF_LIFE_US + span.requests / halfLife)
  return {
    squaresUs2: past.squaresUs2 * fade + squares,
    largestUs2: Math.max(past.largestUs2 * fade, largest),
    spanUs: past.spanUs * fade + spanUs,
    activeUs: past.activeUs * fade + activeUs,
    requests: past.requests * fade + span.requests,
  }
}

export function shouldPark(isParking: boolean, blocking: Blocking): boolean {
  const { squaresUs2, largestUs2, spanUs, activeUs, requests } = blocking
  if (spanUs === 0 || requests === 0) return false
  const { fromWaitUs, fromActiveUs } = isParking ? GO_ON : PARK
  // One slow request is chance (a thread that is cold, a machine that is busy), two are a habit.
  const habitUs2 = isParking ? squaresUs2 : squaresUs2 - largestUs2
  return habitUs2 / 2 / spanUs >= fromWaitUs && activeUs / requests >= fromActiveUs
}
