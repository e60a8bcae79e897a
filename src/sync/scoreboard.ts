import { mapSharedMemory } from '../sys/memory.js'
import { count } from './bits.js'
import { SHORT_BOUNDS } from './histogram.js'
import { HistogramCells } from './histogram-cells.js'
import { MAX_PROCESSES, MAX_THREADS } from './limits.js'
import { LoopGauges } from './loop-gauges.js'
import { QueueTimes } from './queue-times.js'
import { RequestSeriesTable } from './request-series.js'
import { HISTOGRAM_CELLS } from './request-series-layout.js'
import {
  Header,
  HISTOGRAMS_OFFSET,
  LAYOUT_VERSION,
  MAGIC,
  PoolHistogram,
  PROCESS_BYTES,
  ProcessField,
  processWord,
  REQUEST_SERIES_OFFSET,
  RETIRED,
  SCOREBOARD_BYTES,
} from './scoreboard-layout.js'
import { emptyRow, ThreadRows } from './thread-rows.js'

/** What a listener thread is doing. */
export const ListenerState = {
  none: 0,
  waitingForCapacity: 1,
  waitingForMutex: 2,
  polling: 3,
  accepting: 4,
  steppingBack: 5,
  backingOff: 6,
} as const

/** How often a reader tries to get sums of which none moves at the same moment. */
const READ_TRIES = 16

/** Sums that only grow. */
export interface Totals {
  accepted: number
  requests: number
  errors: number
  bytes: number
}

/** The scoreboard as a whole and its upper level, the process slots; what is where says `scoreboard-layout.ts`. */
export class Scoreboard {
  readonly words: Int32Array
  readonly rows: ThreadRows
  readonly queueTimes: QueueTimes
  readonly loops: LoopGauges
  /** How long requests have taken. */
  readonly requests: RequestSeriesTable
  readonly #cells: BigInt64Array
  readonly #floats: Float64Array

  /** The scoreboard behind a descriptor. */
  static map(fd: number): Scoreboard {
    return new Scoreboard(mapSharedMemory(fd, SCOREBOARD_BYTES))
  }

  constructor(memory: ArrayBuffer) {
    this.words = new Int32Array(memory)
    this.rows = new ThreadRows(memory)
    this.queueTimes = new QueueTimes(memory)
    this.loops = new LoopGauges(memory)
    this.#cells = new BigInt64Array(memory)
    this.requests = new RequestSeriesTable(memory, this.#cells, REQUEST_SERIES_OFFSET)
    this.#floats = new Float64Array(memory)
  }

  /** A histogram that the whole pool adds to. */
  histogram(
    name: keyof typeof PoolHistogram,
    bounds: readonly number[] = SHORT_BOUNDS,
  ): HistogramCells {
    const first = HISTOGRAMS_OFFSET / 8 + PoolHistogram[name] * HISTOGRAM_CELLS
    return new HistogramCells(this.#cells, first, bounds)
  }

  /** For the parent, before any child starts. */
  format(): void {
    Atomics.store(this.words, Header.magic, MAGIC)
    Atomics.store(this.words, Header.version, LAYOUT_VERSION)
  }

  /** For a child: whether this memory is a scoreboard of this very layout. */
  get isFormatted(): boolean {
    return (
      Atomics.load(this.words, Header.magic) === MAGIC &&
      Atomics.load(this.words, Header.version) === LAYOUT_VERSION
    )
  }

  /**
   * The parent gives a slot to a new child: everything in it starts at zero, but `threads` rows, which say that a thread
   * starts; the child's own writes come later, and others must not start spares for those meanwhile.
   */
  openProcess(slot: number, threads = 0): void {
    const from = processWord(slot)
    this.words.fill(0, from, from + PROCESS_BYTES / 4)
    for (let thread = 0; thread < threads; thread++) this.rows.write(slot, thread, emptyRow('S'))
    const inUse = Atomics.load(this.words, Header.slotsInUse)
    if (slot >= inUse) Atomics.store(this.words, Header.slotsInUse, slot + 1)
  }

  /** The child of the slot is gone: no other child shall wait for its threads. */
  closeProcess(slot: number): void {
    const from = processWord(slot)
    this.words.fill(0, from, from + PROCESS_BYTES / 4)
  }

  idleIndex(slot: number): number {
    return processWord(slot) + ProcessField.idleWord
  }

  field(slot: number, field: keyof typeof ProcessField): number {
    return Atomics.load(this.words, processWord(slot) + ProcessField[field])
  }

  setField(slot: number, field: keyof typeof ProcessField, value: number): void {
    Atomics.store(this.words, processWord(slot) + ProcessField[field], value)
  }

  addToField(slot: number, field: keyof typeof ProcessField, value: number): void {
    Atomics.add(this.words, processWord(slot) + ProcessField[field], value)
  }

  /** Idle threads of the serving processes other than `slot`. */
  idleElsewhere(slot: number): number {
    const inUse = Math.min(Atomics.load(this.words, Header.slotsInUse), MAX_PROCESSES)
    let idle = 0
    for (let other = 0; other < inUse; other++) {
      if (other === slot || this.field(other, 'serving') !== 1) continue
      idle += count(this.field(other, 'idleWord'))
    }
    return idle
  }

  /** Connections that clients of the pool have open, as far as they were accepted; parked ones a second ago. */
  get connections(): number {
    const inUse = Math.min(Atomics.load(this.words, Header.slotsInUse), MAX_PROCESSES)
    let connections = 0
    for (let slot = 0; slot < inUse; slot++)
      connections += this.rows.connections(slot) + this.field(slot, 'parked')
    return connections
  }

  /**
   * Everything that the threads of a process have done, those that ended included. Read again if the sums of a thread have moved meanwhile, or
   * they would be in it twice, and the next reader would see the counts go back. A child that died in the middle of that leaves the word odd: then
   * it takes what is there.
   */
  totals(slot: number): Totals {
    let sum: Totals = { accepted: 0, requests: 0, errors: 0, bytes: 0 }
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const before = this.field(slot, 'retiring')
      sum = this.#totalsNow(slot)
      if ((before & 1) === 0 && this.field(slot, 'retiring') === before) break
    }
    return sum
  }

  #totalsNow(slot: number): Totals {
    const float = processWord(slot) / 2 + RETIRED
    const sum: Totals = {
      accepted: this.#floats[float] ?? 0,
      requests: this.#floats[float + 1] ?? 0,
      errors: this.#floats[float + 2] ?? 0,
      bytes: this.#floats[float + 3] ?? 0,
    }
    for (let thread = 0; thread < MAX_THREADS; thread++) {
      const row = this.rows.read(slot, thread)
      sum.accepted += row.accepted
      sum.requests += row.requests
      sum.errors += row.errors
      sum.bytes += row.bytes
    }
    return sum
  }

  /** Idle threads of the other serving processes, and those of all others that still start. */
  spareElsewhere(slot: number): number {
    const inUse = Math.min(Atomics.load(this.words, Header.slotsInUse), MAX_PROCESSES)
    let starting = 0
    for (let other = 0; other < inUse; other++)
      if (other !== slot) starting += this.rows.starting(other)
    return this.idleElsewhere(slot) + starting
  }

  /** For the child, when a thread has ended: keeps its sums and empties its row. */
  retireThread(slot: number, thread: number): void {
    const row = this.rows.read(slot, thread)
    const float = processWord(slot) / 2 + RETIRED
    this.addToField(slot, 'retiring', 1)
    this.#floats[float] = (this.#floats[float] ?? 0) + row.accepted
    this.#floats[float + 1] = (this.#floats[float + 1] ?? 0) + row.requests
    this.#floats[float + 2] = (this.#floats[float + 2] ?? 0) + row.errors
    this.#floats[float + 3] = (this.#floats[float + 3] ?? 0) + row.bytes
    this.rows.write(slot, thread, emptyRow('.'))
    this.addToField(slot, 'retiring', 1)
  }
}
