/** What is known of a thread that may give back memory. */
export interface RestSituation {
  readonly isIdle: boolean
  readonly connections: number
  /** Ended so far. */
  readonly requests: number
  /** How many looks in a row have found it idle, with no change. */
  readonly quietLooks: number
  /** What `requests` was when it last rested; undefined if it never has. */
  readonly restedAt: number | undefined
  /** After how many quiet looks it last rested behind a load, and how many looks ago; undefined if it never has. */
  readonly lastRest: { readonly afterLooks: number; readonly looksAgo: number } | undefined
}

/** Looks are a second apart. Soon after the start, and when a load seems to be over. */
const FIRST_LOOKS = 1
const LATER_LOOKS = 5

/** Whoever works again within so many times that wait has rested too early. */
const TOO_EARLY = 60

/** With fewer there is too little to gain. */
const WORTHWHILE_REQUESTS = 500

/**
 * Whether an idle thread should collect its garbage and give memory back: once when it has loaded its code, and after each load. Not with
 * connections open: the next request on one of them would wait for it.
 *
 * V8 throws away what it has compiled for objects of which none is left, so the next load costs some 0.3 s of CPU time until that is done again.
 * Hence a thread whose loads come in bursts waits twice as long each time.
 */
export function shouldRest(situation: RestSituation): boolean {
  const { isIdle, connections, requests, quietLooks, restedAt, lastRest } = situation
  if (!isIdle || connections > 0) return false
  const served = requests - (restedAt ?? 0)
  // A first load that came at once is a load like any other.
  if (restedAt === undefined && served < WORTHWHILE_REQUESTS) return quietLooks >= FIRST_LOOKS
  return quietLooks >= looksToWait(lastRest) && served >= WORTHWHILE_REQUESTS
}

/** For how many quiet looks after a load. */
export function looksToWait(lastRest: RestSituation['lastRest']): number {
  if (lastRest === undefined) return LATER_LOOKS
  const { afterLooks, looksAgo } = lastRest
  return looksAgo < afterLooks * TOO_EARLY ? afterLooks * 2 : LATER_LOOKS
}
