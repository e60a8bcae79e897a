import { MAX_PROCESSES, MAX_THREADS } from './limits.js'
import { Header, QUEUE_TIMES_OFFSET, QUEUE_TIMES_PLACE_BYTES } from './scoreboard-layout.js'

/** Upper bounds of the buckets, in seconds: those of OpenTelemetry's `http.server.request.duration`. */
export const QUEUE_TIME_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

const BOUNDS_MS = QUEUE_TIME_BOUNDS.map((seconds) => seconds * 1000)
/** The last bucket has no bound; behind it is the sum. */
const BUCKETS = BOUNDS_MS.length + 1
const SUM = BUCKETS

/** A histogram of queue times. */
export interface QueueTimeHistogram {
  /** How many fell into each bucket alone; one more than there are bounds. */
  readonly counts: readonly number[]
  readonly count: number
  readonly sumSeconds: number
}

/**
 * How long requests have waited, from their arrival in the kernel to the handler: in shared memory, a histogram for each *place* of a
 * thread in the scoreboard.
 *
 * A place has one writer, the thread that is in it, so a plain store of a 64-bit float suffices (x64 and arm64 write it in one piece). It is
 * never emptied: the successor of a thread or process counts on where that one ended. So what a reader adds up never goes back,
 * and a death takes nothing away.
 */
export class QueueTimes {
  readonly #words: Int32Array
  readonly #floats: Float64Array

  constructor(memory: ArrayBuffer) {
    this.#words = new Int32Array(memory)
    this.#floats = new Float64Array(memory)
  }

  /** For the thread in this place. */
  record(slot: number, thread: number, ms: number): void {
    const place = placeOf(slot, thread)
    let bucket = 0
    while (bucket < BOUNDS_MS.length && ms > (BOUNDS_MS[bucket] ?? 0)) bucket++
    this.#add(place + bucket, 1)
    this.#add(place + SUM, ms / 1000)
  }

  /** Of all threads that the pool has had. */
  read(): QueueTimeHistogram {
    const sums = new Array<number>(BUCKETS + 1).fill(0)
    // What was never used has no memory yet, and reading would get it some.
    const slots = Math.min(Atomics.load(this.#words, Header.slotsInUse), MAX_PROCESSES)
    for (let slot = 0; slot < slots; slot++)
      for (let thread = 0; thread < MAX_THREADS; thread++) {
        const place = placeOf(slot, thread)
        for (let index = 0; index <= SUM; index++)
          sums[index] = (sums[index] ?? 0) + plausible(this.#floats[place + index])
      }
    const counts = sums.slice(0, BUCKETS)
    return { counts, count: counts.reduce((a, b) => a + b, 0), sumSeconds: sums[SUM] ?? 0 }
  }

  #add(index: number, more: number): void {
    this.#floats[index] = (this.#floats[index] ?? 0) + more
  }
}

/** What has come between two readings. */
export function since(before: QueueTimeHistogram, now: QueueTimeHistogram): QueueTimeHistogram {
  return {
    counts: now.counts.map((count, index) => count - (before.counts[index] ?? 0)),
    count: now.count - before.count,
    sumSeconds: now.sumSeconds - before.sumSeconds,
  }
}

/** In ms; within a bucket the times count as spread evenly, above the last bound as at it. 0 of nothing. */
export function quantileMs({ counts, count }: QueueTimeHistogram, share: number): number {
  let rank = count * share
  if (rank <= 0) return 0
  for (const [index, inBucket] of counts.entries()) {
    if (rank > inBucket) {
      rank -= inBucket
      continue
    }
    const from = BOUNDS_MS[index - 1] ?? 0
    const to = BOUNDS_MS[index] ?? from
    return Math.round((from + (to - from) * (rank / inBucket)) * 10) / 10
  }
  return BOUNDS_MS.at(-1) ?? 0
}

function placeOf(slot: number, thread: number): number {
  return (QUEUE_TIMES_OFFSET + (slot * MAX_THREADS + thread) * QUEUE_TIMES_PLACE_BYTES) / 8
}

/** A child may have written anything. */
function plausible(figure: number | undefined): number {
  return figure !== undefined && Number.isFinite(figure) && figure > 0 ? figure : 0
}
