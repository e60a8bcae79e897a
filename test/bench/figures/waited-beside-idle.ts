/** One answered request: when it arrived, and which thread worked for it from when to when. */
export interface Serving {
  readonly thread: string
  readonly arrivedMs: number
  readonly startedMs: number
  readonly endedMs: number
}

/**
 * From the end of one handler to the start of the next a thread is not idle: it answers, accepts, parses, and on a busy machine
 * waits for a core. With two cores, four threads and connections that wait, that took 0.45 ms in the middle, 2 ms at
 * p99 and up to 5 ms; and one such moment at 80 % load would count for everyone in a queue of ten.
 */
const NOTABLE_MS = 5

interface Gap {
  readonly fromMs: number
  readonly toMs: number
}

/** Share of the requests that waited while one of the `threads` ran no handler, each for longer than five milliseconds. */
export function waitedBesideIdle(servings: readonly Serving[], threads: number): number {
  const seen = new Set(servings.map(({ thread }) => thread))
  const gaps = [...seen].flatMap((of) => idleGaps(servings.filter(({ thread }) => thread === of)))
  // Whoever served nothing was idle all the time.
  if (seen.size < threads) {
    gaps.push({ fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY })
  }
  const waited = servings.filter(({ arrivedMs, startedMs }) =>
    gaps.some((gap) => overlapMs(gap, { fromMs: arrivedMs, toMs: startedMs }) > NOTABLE_MS),
  )
  return waited.length / servings.length
}

/** When one thread ran no handler. */
function idleGaps(servings: readonly Serving[]): Gap[] {
  const sorted = servings.toSorted((a, b) => a.startedMs - b.startedMs)
  const ends = [Number.NEGATIVE_INFINITY, ...sorted.map(({ endedMs }) => endedMs)]
  const starts = [...sorted.map(({ startedMs }) => startedMs), Number.POSITIVE_INFINITY]
  return ends
    .map((fromMs, n) => ({ fromMs, toMs: starts[n] ?? fromMs }))
    .filter(({ fromMs, toMs }) => toMs - fromMs > NOTABLE_MS)
}

const overlapMs = (a: Gap, b: Gap): number =>
  Math.min(a.toMs, b.toMs) - Math.max(a.fromMs, b.fromMs)
