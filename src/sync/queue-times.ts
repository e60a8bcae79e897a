import { type Histogram, REQUEST_BOUNDS } from './histogram.js'
import { MAX_PROCESSES, MAX_THREADS } from './limits.js'
import { Header, QUEUE_TIMES_OFFSET, QUEUE_TIMES_PLACE_BYTES } from './scoreboard-layout.js'

const BOUNDS_MS = REQUEST_BOUNDS.map((seconds) => seconds * 1000)
/** The last bucket has no bound; behind it is the sum. */
const BUCKETS = BOUNDS_MS.length + 1
const SUM = BUCKETS

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
  read(): Histogram {
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
    return {
      bounds: REQUEST_BOUNDS,
      counts,
      count: counts.reduce((a, b) => a + b, 0),
      sumSeconds: sums[SUM] ?? 0,
    }
  }

  #add(index: number, more: number): void {
    this.#floats[index] = (this.#floats[index] ?? 0) + more
  }
}

function placeOf(slot: number, thread: number): number {
  return (QUEUE_TIMES_OFFSET + (slot * MAX_THREADS + thread) * QUEUE_TIMES_PLACE_BYTES) / 8
}

/** A child may have written anything. */
function plausible(figure: number | undefined): number {
  return figure !== undefined && Number.isFinite(figure) && figure > 0 ? figure : 0
}
