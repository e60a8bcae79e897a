import { setTimeout as sleep } from 'node:timers/promises'

const POLL_INTERVAL_MS = 20

/**
 * Polls a condition that no event announces (the process table, a counter in shared memory).
 *
 * @returns the first truthy value of `predicate`
 * @throws when `timeoutMs` have passed (the message carries `description`), and whatever `predicate` throws
 */
export async function until<T>(
  predicate: () => T | Promise<T>,
  timeoutMs: number,
  description: string,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    // The clock is read before the predicate: a slow machine always gets one look after the deadline.
    const expired = performance.now() > deadline
    const value = await predicate()
    if (value) return value
    if (expired) throw new Error(`not within ${timeoutMs} ms: ${description}`)
    await sleep(POLL_INTERVAL_MS)
  }
}

/**
 * Puts a limit on a promise, so that a test that waits in vain says for what.
 *
 * @throws when `timeoutMs` have passed, and whatever the promise rejects with
 */
export async function within<T>(
  promise: Promise<T>,
  timeoutMs: number,
  description: string | (() => string),
): Promise<T> {
  // Not the timer of node:timers/promises: to abort one costs an error with its stack, for each answer that is waited for.
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const text = typeof description === 'string' ? description : description()
      reject(new Error(`not within ${timeoutMs} ms: ${text}`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, expiry])
  } finally {
    clearTimeout(timer)
  }
}
