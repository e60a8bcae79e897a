import type { IncomingHttpHeaders } from 'node:http'

/** A clock that is wrong, or a client's own idea: no proxy holds a request for so long. */
const OLDEST_MS = 3_600_000

/** Numbers below are seconds (until the year 5138), then milliseconds, then microseconds. */
const FIRST_MILLISECONDS = 1e11
const FIRST_MICROSECONDS = 1e14

const START = /^(?:t=)?(\d+(?:\.\d+)?)(?:\s*,|\s*$)/

/**
 * For how many ms a request has been on its way since a proxy got it, by `X-Request-Start` or `X-Queue-Start`; `undefined` if no proxy
 * says so, or nonsense. Of several, the first is the one next to the client. `now` is in epoch ms.
 */
export function sinceRequestStartMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const given = headers['x-request-start'] ?? headers['x-queue-start']
  const number = START.exec(String(given ?? '').trim())?.[1]
  if (number === undefined) return undefined
  const waitedMs = now - toMilliseconds(Number(number))
  return waitedMs >= 0 && waitedMs < OLDEST_MS ? waitedMs : undefined
}

function toMilliseconds(start: number): number {
  if (start < FIRST_MILLISECONDS) return start * 1000
  return start < FIRST_MICROSECONDS ? start : start / 1000
}
