import { count } from './bits.js'
import { MAX_PROCESSES, MAX_THREADS } from './limits.js'

/**
 * The scoreboard: memory that the parent, its children and all their threads map. Two levels, every offset in
 * this file.
 *
 *     byte 0        header           128 bytes
 *     byte 128      process slot 0   128 bytes, then its 32 thread slots of 256 bytes each
 *     byte 8448     process slot 1   …
 *
 *     header        +0 magic  +4 layout version  +8 process slots in use (highest index + 1)
 *                   +12 mailed        entries in the mailbox at most, see Mailbox      (all)
 *     process slot  +0 idle word      one bit per thread, set and cleared by that thread alone
 *                   +4 serving        1 while the child accepts                        (child)
 *                   +8 listener state what the listener thread does, see ListenerState (listener thread)
 *                   +12 queue depth   descriptors in the fd queue at the last look     (listener thread)
 *                   +16 accepted      connections accepted, modulo 2^32                (listener thread)
 *                   +20 mutex waits   times the accept mutex was not free at once      (listener thread)
 *                   +24 accept errors errors other than "nothing there"                (listener thread)
 *                   +28 thread deaths threads that ended without returning their lease (child)
 *                   +32 parked        connections parked at the last look, a second ago   (parker)
 *                   +64 retired       accepted, requests, errors of threads that ended (child, 64-bit floats)
 *     thread slot   +0 sequence       odd while the thread writes its row              (the thread)
 *                   +4 state          a ThreadState                                    (the thread, child)
 *                   +8 in flight      requests
 *                   +12 connections   open now
 *                   +16 fresh         connections whose first request has not arrived
 *                   +24 accepted      connections in all      (64-bit float from here on)
 *                   +32 requests      in all
 *                   +40 errors        handlers that threw or rejected
 *                   +48 bytes         written
 *                   +56 busy since    epoch ms, 0 when idle
 *                   +64 last used     epoch ms
 *                   +72 loop delay    ms
 *                   +80 heap used     bytes
 *                   +88 active        µs of event loop per request, recent
 *                   +96 request       what it began last, as text: a length in one byte, then Latin-1
 *
 * Each field has the one writer named above (a thread slot: its thread; the child clears the slot of a thread that
 * has ended). Counts over threads or processes are always derived, never stored. No reader trusts what it
 * finds: pids and the like are the parent's own knowledge and stand nowhere in here, and every value is
 * taken as a mere figure.
 */
const HEADER_BYTES = 128
const PROCESS_HEADER_BYTES = 128
const THREAD_BYTES = 256
const PROCESS_BYTES = PROCESS_HEADER_BYTES + MAX_THREADS * THREAD_BYTES

export const SCOREBOARD_BYTES = HEADER_BYTES + MAX_PROCESSES * PROCESS_BYTES

const MAGIC = 0x666b7468
const LAYOUT_VERSION = 2

const Header = { magic: 0, version: 1, slotsInUse: 2, mailed: 3 } as const

/** The place of the count of mailed entries. */
export const MAILED = Header.mailed

export const ProcessField = {
  idleWord: 0,
  serving: 1,
  listenerState: 2,
  queueDepth: 3,
  accepted: 4,
  mutexWaits: 5,
  acceptErrors: 6,
  threadDeaths: 7,
  parked: 8,
} as const

/** Place of the first 64-bit float in a process slot. */
const RETIRED = 8

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

/** The states of a thread, with Apache's letters. */
export const threadStates = ['.', 'S', '_', 'R', 'W', 'K', 'C', 'G'] as const
export type ThreadState = (typeof threadStates)[number]

const Row = {
  sequence: 0,
  state: 1,
  inFlight: 2,
  connections: 3,
  fresh: 4,
  // Places of 64-bit floats:
  accepted: 3,
  requests: 4,
  errors: 5,
  bytes: 6,
  busySince: 7,
  lastUsed: 8,
  loopDelay: 9,
  heapUsed: 10,
  activeUs: 11,
} as const

const STARTING = threadStates.indexOf('S')

/** One thread's row. All figures are the thread's own and unchecked. */
export interface ThreadRow {
  state: ThreadState
  inFlight: number
  connections: number
  fresh: number
  accepted: number
  requests: number
  errors: number
  bytes: number
  busySince: number
  lastUsed: number
  loopDelayMs: number
  heapBytes: number
  activeUs: number
}

/** Sums that only grow. */
export interface Totals {
  accepted: number
  requests: number
  errors: number
}

export function emptyRow(state: ThreadState): ThreadRow {
  return {
    state,
    inFlight: 0,
    connections: 0,
    fresh: 0,
    accepted: 0,
    requests: 0,
    errors: 0,
    bytes: 0,
    busySince: 0,
    lastUsed: 0,
    loopDelayMs: 0,
    heapBytes: 0,
    activeUs: 0,
  }
}

const REQUEST_OFFSET = 96
const SHORT_REQUEST = 40
const MOST_REQUEST_BYTES = THREAD_BYTES - REQUEST_OFFSET - 1

/** How often a reader tries to get a row that nobody writes at the same moment. */
const READ_TRIES = 16

export class Scoreboard {
  readonly words: Int32Array
  readonly #floats: Float64Array
  readonly #bytes: Buffer

  constructor(memory: ArrayBuffer) {
    this.#bytes = Buffer.from(memory)
    this.words = new Int32Array(memory)
    this.#floats = new Float64Array(memory)
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

  // ── process slots ────────────────────────────────────────────────────────────────────────────────

  /**
   * The parent gives a slot to a new child: everything in it starts at zero, but `threads` rows, which say that a thread
   * starts; the child's own writes come later, and others must not start spares for those meanwhile.
   */
  openProcess(slot: number, threads = 0): void {
    const from = processWord(slot)
    this.words.fill(0, from, from + PROCESS_BYTES / 4)
    for (let thread = 0; thread < threads; thread++) this.writeRow(slot, thread, emptyRow('S'))
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

  /** Everything that the threads of a process have done, those that ended included. */
  totals(slot: number): Totals {
    const float = processWord(slot) / 2 + RETIRED
    const sum: Totals = {
      accepted: this.#floats[float] ?? 0,
      requests: this.#floats[float + 1] ?? 0,
      errors: this.#floats[float + 2] ?? 0,
    }
    for (let thread = 0; thread < MAX_THREADS; thread++) {
      const row = this.readRow(slot, thread)
      sum.accepted += row.accepted
      sum.requests += row.requests
      sum.errors += row.errors
    }
    return sum
  }

  /** Idle threads of the other serving processes, and those of all others that still start. */
  spareElsewhere(slot: number): number {
    const inUse = Math.min(Atomics.load(this.words, Header.slotsInUse), MAX_PROCESSES)
    let starting = 0
    for (let other = 0; other < inUse; other++)
      if (other !== slot) starting += this.startingThreads(other)
    return this.idleElsewhere(slot) + starting
  }

  /** Threads of a process that still load the handler. */
  startingThreads(slot: number): number {
    let starting = 0
    for (let thread = 0; thread < MAX_THREADS; thread++)
      if (this.words[threadWord(slot, thread) + Row.state] === STARTING) starting++
    return starting
  }

  // ── thread slots ─────────────────────────────────────────────────────────────────────────────────

  /**
   * Writes what has changed of a row. A reader never sees half of it: the sequence word is odd meanwhile, and
   * a reader that finds it odd, or changed after it has read, reads again. Only the row's one writer may call
   * this, so the two stores of the sequence need no read-modify-write.
   */
  writeRow(slot: number, thread: number, row: Readonly<Partial<ThreadRow>>): void {
    const word = threadWord(slot, thread)
    const float = word / 2
    const sequence = Atomics.load(this.words, word) | 1
    // Not a mere store: on ARM the plain stores that follow could overtake it, but not an exchange.
    Atomics.exchange(this.words, word, sequence)
    if (row.state !== undefined) this.words[word + Row.state] = threadStates.indexOf(row.state)
    if (row.inFlight !== undefined) this.words[word + Row.inFlight] = row.inFlight
    if (row.connections !== undefined) this.words[word + Row.connections] = row.connections
    if (row.fresh !== undefined) this.words[word + Row.fresh] = row.fresh
    if (row.accepted !== undefined) this.#floats[float + Row.accepted] = row.accepted
    if (row.requests !== undefined) this.#floats[float + Row.requests] = row.requests
    if (row.errors !== undefined) this.#floats[float + Row.errors] = row.errors
    if (row.bytes !== undefined) this.#floats[float + Row.bytes] = row.bytes
    if (row.busySince !== undefined) this.#floats[float + Row.busySince] = row.busySince
    if (row.lastUsed !== undefined) this.#floats[float + Row.lastUsed] = row.lastUsed
    if (row.loopDelayMs !== undefined) this.#floats[float + Row.loopDelay] = row.loopDelayMs
    if (row.heapBytes !== undefined) this.#floats[float + Row.heapUsed] = row.heapBytes
    if (row.activeUs !== undefined) this.#floats[float + Row.activeUs] = row.activeUs
    Atomics.store(this.words, word, (sequence + 1) | 0)
  }

  /**
   * Notes what the thread begins, so that it can be told should it not come back from it. Outside the sequence: a
   * reader may get half of it, and shows it as text only.
   */
  writeRequest(slot: number, thread: number, request: string): void {
    const at = threadWord(slot, thread) * 4 + REQUEST_OFFSET
    if (request.length > SHORT_REQUEST) {
      this.#bytes[at] = this.#bytes.write(request, at + 1, MOST_REQUEST_BYTES, 'latin1')
      return
    }
    // For most requests a loop is quicker than the way into C++ and back.
    for (let index = 0; index < request.length; index++)
      this.#bytes[at + 1 + index] = request.charCodeAt(index)
    this.#bytes[at] = request.length
  }

  /** Printable characters only: whoever reads this sees what a client sent. */
  readRequest(slot: number, thread: number): string {
    const at = threadWord(slot, thread) * 4 + REQUEST_OFFSET
    const length = Math.min(this.#bytes[at] ?? 0, MOST_REQUEST_BYTES)
    return this.#bytes.toString('latin1', at + 1, at + 1 + length).replace(/[^ -~]/g, '?')
  }

  /** For the child, when a thread has ended: keeps its sums and empties its row. */
  retireRow(slot: number, thread: number): void {
    const row = this.readRow(slot, thread)
    const float = processWord(slot) / 2 + RETIRED
    this.#floats[float] = (this.#floats[float] ?? 0) + row.accepted
    this.#floats[float + 1] = (this.#floats[float + 1] ?? 0) + row.requests
    this.#floats[float + 2] = (this.#floats[float + 2] ?? 0) + row.errors
    this.writeRow(slot, thread, emptyRow('.'))
  }

  /**
   * A consistent row. After some tries (a writer that died in the middle leaves the sequence odd for ever) it
   * takes what is there: these are figures for people, and the child clears the row of a dead thread.
   */
  readRow(slot: number, thread: number): ThreadRow {
    const word = threadWord(slot, thread)
    const float = word / 2
    let row = emptyRow('.')
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const before = Atomics.load(this.words, word)
      row = {
        state: threadStates[this.words[word + Row.state] ?? 0] ?? '.',
        inFlight: this.words[word + Row.inFlight] ?? 0,
        connections: this.words[word + Row.connections] ?? 0,
        fresh: this.words[word + Row.fresh] ?? 0,
        accepted: this.#floats[float + Row.accepted] ?? 0,
        requests: this.#floats[float + Row.requests] ?? 0,
        errors: this.#floats[float + Row.errors] ?? 0,
        bytes: this.#floats[float + Row.bytes] ?? 0,
        busySince: this.#floats[float + Row.busySince] ?? 0,
        lastUsed: this.#floats[float + Row.lastUsed] ?? 0,
        loopDelayMs: this.#floats[float + Row.loopDelay] ?? 0,
        heapBytes: this.#floats[float + Row.heapUsed] ?? 0,
        activeUs: this.#floats[float + Row.activeUs] ?? 0,
      }
      // It changes nothing, but the plain loads above can't be delayed past it, as they could past a load (ARM).
      const after = Atomics.compareExchange(this.words, word, before, before)
      if ((before & 1) === 0 && before === after) return row
    }
    return row
  }
}

function processWord(slot: number): number {
  return (HEADER_BYTES + slot * PROCESS_BYTES) / 4
}

function threadWord(slot: number, thread: number): number {
  return (HEADER_BYTES + slot * PROCESS_BYTES + PROCESS_HEADER_BYTES + thread * THREAD_BYTES) / 4
}
