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
}

/** Looks are a second apart. Soon after the start, and when a load seems to be over. */
const FIRST_LOOKS = 1
const LATER_LOOKS = 5

/** With fewer there is too little to gain. */
const WORTHWHILE_REQUESTS = 500

/**
 * Whether an idle thread should collect its garbage and give memory back: once when it has loaded its code, and after each load. Not with
 * connections open: the next request on one of them would wait for it.
 */
export function shouldRest(situation: RestSituation): boolean {
  const { isIdle, connections, requests, quietLooks, restedAt } = situation
  if (!isIdle || connections > 0) return false
  if (restedAt === undefined) return quietLooks >= FIRST_LOOKS
  return quietLooks >= LATER_LOOKS && requests - restedAt >= WORTHWHILE_REQUESTS
}
