import { Mutex } from '#dist/sync/mutex.js'

/** Words of the memory of `mutex-death.test.ts`; first and second are equal except inside. */
export const At = {
  mutex: 0,
  stop: 1,
  /** Who is inside. */
  inside: 2,
  /** How often somebody was inside with another, or found the counters unequal. */
  broken: 3,
  deaths: 4,
  first: 16,
  second: 32,
  /** From here on: the completed sections of each thread. */
  own: 64,
} as const

/**
 * What the main thread does when a thread has ended for certain: repairs what the lock guards, then frees it. As long as
 * the dead one has the lock, nobody else is inside. Tells whether it had it.
 */
export function bury(words: Int32Array, dead: number): boolean {
  const mutex = new Mutex(words, At.mutex)
  Atomics.add(words, At.deaths, 1)
  if (mutex.isHeldBy(dead)) {
    // The section was begun, and is done or not: either is right as long as the two agree.
    words[At.second] = words[At.first] ?? 0
    words[At.inside] = 0
  }
  return mutex.recover(dead)
}
