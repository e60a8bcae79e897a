import type { Exchange } from '../client/order.js'
import { quantile } from '../statistics.js'
import { evenness } from './evenness.js'
import { replay } from './replay.js'
import { type Serving, waitedBesideIdle } from './waited-beside-idle.js'

/** What a run of an open-loop load says beside its rate. What can't be said of it is NaN. */
export interface LatencyFigures {
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** p99 of one queue before as many threads, with this run's arrivals and service times. */
  readonly limitP99Ms: number
  readonly p99OfLimit: number
  readonly waitedBesideIdle: number
  readonly variation: number
  readonly jain: number
}

/** How the requests of a load are to be judged. */
export interface Judgement {
  readonly threads: number
  /** Whether handlers take any time; where they take none, there is nothing to queue for, and no limit. */
  readonly takesTime: boolean
  /**
   * Whether handlers use cores. Then a request may wait because every core is busy although a thread is not, and that is
   * nobody's mistake.
   */
  readonly usesCores: boolean
}

export function latencyFigures(
  exchanges: readonly Exchange[],
  { threads, takesTime, usesCores }: Judgement,
): LatencyFigures {
  const responsesMs = exchanges.filter(({ observed }) => observed).map(responseMs)
  const servings = exchanges
    .flatMap((e) => (e.served ? { observed: e.observed, arrivedMs: e.arrivedMs, ...e.served } : []))
    .toSorted((a, b) => a.arrivedMs - b.arrivedMs)
  const p99Ms = quantile(responsesMs, 0.99)
  const limitP99Ms = takesTime ? limitP99(servings, threads) : Number.NaN
  return {
    p50Ms: quantile(responsesMs, 0.5),
    p90Ms: quantile(responsesMs, 0.9),
    p99Ms,
    p999Ms: quantile(responsesMs, 0.999),
    limitP99Ms,
    p99OfLimit: p99Ms / limitP99Ms,
    waitedBesideIdle: usesCores ? Number.NaN : waitedBesideIdle(servings, threads),
    ...evenness(
      servings.map(({ thread }) => thread),
      threads,
    ),
  }
}

export const responseMs = ({ arrivedMs, answeredMs }: Exchange): number => answeredMs - arrivedMs

const serviceMs = ({ startedMs, endedMs }: Serving): number => endedMs - startedMs

/** Everything stands in the queue, but only the observed requests are looked at. */
function limitP99(
  servings: readonly (Serving & { readonly observed: boolean })[],
  threads: number,
): number {
  const jobs = servings.map((s) => ({ arrivedMs: s.arrivedMs, serviceMs: serviceMs(s) }))
  const limitsMs = replay(jobs, threads)
  return quantile(
    limitsMs.filter((_, n) => servings[n]?.observed),
    0.99,
  )
}
