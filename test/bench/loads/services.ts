import type { Random } from '../../support/random.js'
import { work } from '../fixtures/work.js'
import { quantile } from '../statistics.js'

/** How long requests take, and how each asks for it. */
export interface Service {
  readonly description: string
  readonly meanMs: number
  path(random: Random): string
}

const sleep = (ms: number): string => `/sleep/${ms.toFixed(3)}`

export const fixed = (ms: number): Service => ({
  description: `${ms} ms each`,
  meanMs: ms,
  path: () => sleep(ms),
})

const LONG_SHARE = 0.1
const LONG_MS = 100
const SHORT_MS = 2

export const bimodal: Service = {
  description: `1 in 10 takes ${LONG_MS} ms, the others ${SHORT_MS} ms`,
  meanMs: LONG_SHARE * LONG_MS + (1 - LONG_SHARE) * SHORT_MS,
  path: (random) => sleep(random.next() < LONG_SHARE ? LONG_MS : SHORT_MS),
}

/** Of the logarithm: the slowest of a hundred takes ten times as long as the one in the middle. */
const SIGMA = 1

/** As response times of real services are distributed: many short, few very long. */
export const logNormal = (meanMs: number): Service => ({
  description: `log-normal, ${meanMs} ms on average, sigma ${SIGMA}`,
  meanMs,
  path: (random) => sleep(meanMs * Math.exp(SIGMA * normal(random) - SIGMA ** 2 / 2)),
})

/** Box and Muller's way from two even random numbers to a normal one. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}

/** Work that uses a core; how long it takes on this machine is measured first. */
export function onCore(path: string): Service {
  const times = Array.from({ length: 30 }, () => {
    const startedAt = performance.now()
    work(path)
    return performance.now() - startedAt
  })
  // The first ones are not compiled yet.
  const meanMs = quantile(times.slice(10), 0.5)
  return { description: `${path}, ${meanMs.toPrecision(2)} ms each`, meanMs, path: () => path }
}
