/**
 * How long a request that arrives at any moment would wait, on average, for the code that its thread is running: the mean
 * of what is left of the running piece, idle moments counted with 0. For pieces of length s in a time T that is the sum of
 * s²/2 divided by T (the mean residual life of renewal theory; Kleinrock, Queueing Systems I, 5.2).
 *
 * It is what a connection that stays with its thread risks and a parked one does not.
 */
export interface BlockedTime {
  /** Both with the past fading out. */
  readonly squaresUs2: number
  readonly spanUs: number
}

export const neverBlocked: BlockedTime = { squaresUs2: 0, spanUs: 0 }

/** What a thread did since it was last asked. */
export interface BlockedSpan {
  readonly spanUs: number
  readonly requests: number
  /** Of the handlers that ran long, from their call to their return. */
  readonly longUs: number
  readonly longSquaresUs2: number
  /** Of the event loop: what it did between two waits for events, those handlers included. */
  readonly activeUs: number
}

/** The past counts half after so long. */
const HALF_LIFE_US = 1_000_000

/**
 * To park and to resume a connection costs about 100 µs of CPU and as much delay (test/bench/keep-alive.ts). From five times
 * as much saved waiting on, a thread parks, and down to two times as much it goes on: the waiting saved is that of the others,
 * and at full load parking itself must not tip a pool over. A handler of 1 ms at half load is at 250 µs; of 5 ms at 1250 µs.
 */
const PARK_ABOVE_US = 500
const PIN_BELOW_US = 200

/** Of everything else (short handlers, continuations after an `await`, parsing) each request had its even share. */
export function addSpan(past: BlockedTime, span: BlockedSpan): BlockedTime {
  const rest = Math.max(0, span.activeUs - span.longUs)
  const squares = span.longSquaresUs2 + (span.requests > 0 ? rest ** 2 / span.requests : 0)
  const fade = 2 ** (-span.spanUs / HALF_LIFE_US)
  return {
    squaresUs2: past.squaresUs2 * fade + squares,
    spanUs: past.spanUs * fade + span.spanUs,
  }
}

export function residualUs({ squaresUs2, spanUs }: BlockedTime): number {
  return spanUs === 0 ? 0 : squaresUs2 / 2 / spanUs
}

export function shouldPark(isParking: boolean, blocked: BlockedTime): boolean {
  return residualUs(blocked) > (isParking ? PIN_BELOW_US : PARK_ABOVE_US)
}
