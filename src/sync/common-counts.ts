import { fstatSync } from 'node:fs'
import { createSharedMemory, mapSharedMemory } from '../sys/memory.js'
import { monotonicMs } from './clock.js'
import { GC_BOUNDS, type Histogram, REQUEST_BOUNDS, SHORT_BOUNDS } from './histogram.js'
import { addPlausible, HistogramCells } from './histogram-cells.js'
import { kindOf, type RequestSeries, RequestSeriesTable } from './request-series.js'
import { HISTOGRAM_BYTES, HISTOGRAM_CELLS, REQUEST_SERIES_BYTES } from './request-series-layout.js'
import { SharedNames } from './shared-names.js'

/**
 * Memory that the parents of a pool map, one after the other:
 *
 *     byte 0        +0 magic  +4 version of this layout  +8 when the pool was started, ms as monotonicMs counts (64-bit float)
 *     byte 128      names of figures    64 bytes each, see SharedNames
 *     then          figures             64 bits each
 *                   histograms          128 bytes each, in the order of COUNTED
 *                   request series      see request-series-layout.ts
 *
 * Figures have names, and not places, so that another version can count something more.
 */
const MAGIC = 0x666b7463
const VERSION = 1
const STARTED_AT = 1
const MOST_FIGURES = 256
const NAME_BYTES = 64
const NAMES_OFFSET = 128
const FIGURES_OFFSET = NAMES_OFFSET + MOST_FIGURES * NAME_BYTES
const HISTOGRAMS_OFFSET = FIGURES_OFFSET + MOST_FIGURES * 8
const MOST_HISTOGRAMS = 16
const REQUEST_SERIES_OFFSET = HISTOGRAMS_OFFSET + MOST_HISTOGRAMS * HISTOGRAM_BYTES
const BYTES = REQUEST_SERIES_OFFSET + REQUEST_SERIES_BYTES

/** The histograms of a pool beside those of its requests. Their order is part of the layout. */
export const COUNTED = {
  handOff: SHORT_BOUNDS,
  mutexWait: SHORT_BOUNDS,
  mutexHold: SHORT_BOUNDS,
  gcMinor: GC_BOUNDS,
  gcMajor: GC_BOUNDS,
  gcIncremental: GC_BOUNDS,
  gcWeak: GC_BOUNDS,
  queueTime: REQUEST_BOUNDS,
} as const
type CountedName = keyof typeof COUNTED
export const COUNTED_NAMES = Object.keys(COUNTED) as CountedName[]

/** All that only grows. */
export interface Counts {
  readonly figures: Readonly<Record<string, number>>
  readonly histograms: Readonly<Record<CountedName, Histogram>>
  readonly requests: readonly RequestSeries[]
}

/**
 * What a pool has counted, whoever its parent is: each adds what its children do, and any may read it. All additions are atomic, and nothing is ever taken
 * away, so what a reader sees never goes back.
 */
export class CommonCounts {
  readonly #words: Int32Array
  readonly #floats: Float64Array
  readonly #cells: BigInt64Array
  readonly #names: SharedNames
  readonly #requests: RequestSeriesTable
  readonly #histograms: Readonly<Record<CountedName, HistogramCells>>

  constructor(memory: ArrayBuffer) {
    this.#words = new Int32Array(memory)
    this.#floats = new Float64Array(memory)
    this.#cells = new BigInt64Array(memory)
    const places = { at: NAMES_OFFSET, most: MOST_FIGURES, bytesEach: NAME_BYTES }
    this.#names = new SharedNames(memory, places)
    this.#requests = new RequestSeriesTable(memory, this.#cells, REQUEST_SERIES_OFFSET)
    this.#histograms = perName((name, index) => {
      const first = HISTOGRAMS_OFFSET / 8 + index * HISTOGRAM_CELLS
      return new HistogramCells(this.#cells, first, COUNTED[name])
    })
  }

  /** A descriptor of memory for a pool that starts now. */
  static create(): number {
    const fd = createSharedMemory('forkthread-counts', BYTES)
    new CommonCounts(mapSharedMemory(fd, BYTES)).#format()
    return fd
  }

  /** `undefined` if it is of another layout: one of another version of forkthread. */
  static map(fd: number): CommonCounts | undefined {
    // What lies behind its end can't be touched.
    if (fstatSync(fd).size !== BYTES) return undefined
    const counts = new CommonCounts(mapSharedMemory(fd, BYTES))
    return counts.#words[0] === MAGIC && counts.#words[1] === VERSION ? counts : undefined
  }

  /** Ms as `monotonicMs` counts. */
  get startedMs(): number {
    return this.#floats[STARTED_AT] ?? 0
  }

  /** Adds to each figure, 0 as well: it is there from then on. */
  add({ figures, histograms, requests }: Counts): void {
    for (const [name, more] of Object.entries(figures)) {
      const number = this.#names.numberOf(name)
      if (number > 0) addPlausible(this.#cells, figureCell(number), more)
    }
    for (const name of COUNTED_NAMES) this.#histograms[name].add(histograms[name])
    for (const series of requests) this.#requests.add(kindOf(series), series.durations)
  }

  read(): Counts {
    const figures: Record<string, number> = {}
    for (let number = 1; number <= MOST_FIGURES; number++) {
      const name = this.#names.nameOf(number)
      if (name === undefined) continue
      figures[name] = (figures[name] ?? 0) + Number(Atomics.load(this.#cells, figureCell(number)))
    }
    const histograms = perName((name) => this.#histograms[name].read())
    return { figures, histograms, requests: this.#requests.read() }
  }

  #format(): void {
    this.#words[0] = MAGIC
    this.#words[1] = VERSION
    this.#floats[STARTED_AT] = monotonicMs()
  }
}

function figureCell(number: number): number {
  return FIGURES_OFFSET / 8 + number - 1
}

export function perName<T>(of: (name: CountedName, index: number) => T): Record<CountedName, T> {
  return Object.fromEntries(COUNTED_NAMES.map((name, index) => [name, of(name, index)])) as Record<
    CountedName,
    T
  >
}
