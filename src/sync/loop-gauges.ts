import { MAX_THREADS } from './limits.js'
import { LOOP_BYTES, LOOPS_OFFSET } from './scoreboard-layout.js'

/** How the event loop of a thread does, over the last seconds in which it had something to do. */
export interface LoopGauge {
  /** Of the machine's monotonic clock; 0 while the thread has nothing to do. */
  readonly at: number
  /** The share of the last second in which the loop was not waiting. */
  readonly utilization: number
  /** How late timers came, in seconds. */
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly stddev: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly heapTotalBytes: number
  /** When the request began that has been in flight for the longest, of the monotonic clock; 0: none is. */
  readonly oldestSince: number
}

const FIELDS = [
  'at',
  'utilization',
  'min',
  'max',
  'mean',
  'stddev',
  'p50',
  'p90',
  'p99',
  'heapTotalBytes',
  'oldestSince',
] as const satisfies readonly (keyof LoopGauge)[]

/** One gauge for each place of a thread, which alone writes it. A reader may get fields of two moments, a second apart: they are figures for people. */
export class LoopGauges {
  readonly #floats: Float64Array
  readonly #bytes: Buffer

  constructor(memory: ArrayBuffer) {
    this.#floats = new Float64Array(memory)
    this.#bytes = Buffer.from(memory)
  }

  write(slot: number, thread: number, gauge: Partial<LoopGauge>): void {
    const place = placeOf(slot, thread)
    for (const [index, field] of FIELDS.entries()) {
      const value = gauge[field]
      if (value !== undefined) this.#floats[place + index] = value
    }
  }

  /** For a thread that begins: nothing is known of it yet. */
  clear(slot: number, thread: number): void {
    const place = placeOf(slot, thread)
    this.#floats.fill(0, place, place + FIELDS.length)
  }

  /** What the request of `oldestSince` is, such as `GET /`. */
  writeOldest(slot: number, thread: number, what: string): void {
    const at = placeOf(slot, thread) * 8 + TEXT_OFFSET
    this.#bytes[at] = this.#bytes.write(what, at + 1, MOST_TEXT, 'latin1')
  }

  /** Printable characters only: whoever reads this sees what a client sent. */
  readOldest(slot: number, thread: number): string {
    const at = placeOf(slot, thread) * 8 + TEXT_OFFSET
    const length = Math.min(this.#bytes[at] ?? 0, MOST_TEXT)
    return this.#bytes.toString('latin1', at + 1, at + 1 + length).replace(/[^ -~]/g, '?')
  }

  read(slot: number, thread: number): LoopGauge {
    const place = placeOf(slot, thread)
    const figure = (index: number): number => {
      const value = this.#floats[place + index] ?? 0
      return Number.isFinite(value) && value >= 0 ? value : 0
    }
    return Object.fromEntries(
      FIELDS.map((field, index) => [field, figure(index)]),
    ) as unknown as LoopGauge
  }
}

/** Behind the figures, with its length before it. */
const TEXT_OFFSET = 96
const MOST_TEXT = LOOP_BYTES - TEXT_OFFSET - 1

function placeOf(slot: number, thread: number): number {
  return (LOOPS_OFFSET + (slot * MAX_THREADS + thread) * LOOP_BYTES) / 8
}
