export interface Job {
  readonly arrivedMs: number
  readonly serviceMs: number
}

/**
 * Response times, in the order of the arrivals, if the jobs had stood in one queue (first come, first served) before so many
 * servers. No way of dealing out jobs whose length nobody knows beforehand does better by more than chance: it is the limit.
 */
export function replay(jobs: readonly Job[], servers: number): number[] {
  const freeAtMs = new Array<number>(servers).fill(Number.NEGATIVE_INFINITY)
  return jobs
    .toSorted((a, b) => a.arrivedMs - b.arrivedMs)
    .map(({ arrivedMs, serviceMs }) => {
      const next = freeAtMs.indexOf(Math.min(...freeAtMs))
      const endMs = Math.max(arrivedMs, freeAtMs[next] ?? arrivedMs) + serviceMs
      freeAtMs[next] = endMs
      return endMs - arrivedMs
    })
}
