import { setTimeout as sleep } from 'node:timers/promises'
import type { Activity } from './activity.js'

const LOOK_EVERY_MS = 10
/** A response that takes longer may be one that only ends when the app is told: server-sent events, long polling. */
const MOST_MS = 1000

/** Resolves when no request is in flight any more, or after a moment. */
export async function untilAnswered(activity: Activity): Promise<void> {
  const endsAt = performance.now() + MOST_MS
  while (activity.inFlight > 0 && performance.now() < endsAt) await sleep(LOOK_EVERY_MS)
}
