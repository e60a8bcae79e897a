import { setTimeout as sleep } from 'node:timers/promises'
import { giveBackMemory } from '../sys/give-back-memory.js'

/** What follows the start, such as the first look at the load, has been loaded by then. */
const REST_AFTER_MS = 2000

/** Gives back what only the start of this process needed. For a process that is the pool's alone. */
export async function restLater(): Promise<void> {
  await sleep(REST_AFTER_MS, undefined, { ref: false })
  await giveBackMemory()
}
