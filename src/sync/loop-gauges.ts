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
] as const satisfies readonly (keyof LoopGauge)[]

/** One gauge for each place of a thread, which alone writes it. A reader may get fields of two moments, a second apart: they are figures for people. */
export class LoopGauges {
  readonly #floats: Float64Array

  constructor(memory: ArrayBuffer) {
    this.#floats = new Float64Array(memory)
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

function placeOf(slot: number, thread: number): number {
  return (LOOPS_OFFSET + (slot * MAX_THREADS + thread) * LOOP_BYTES) / 8
}
