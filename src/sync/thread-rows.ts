import { MAX_THREADS } from './limits.js'
import { MOST_REQUEST_BYTES, REQUEST_OFFSET, Row, threadWord } from './scoreboard-layout.js'

/** The states of a thread, with Apache's letters. */
export const threadStates = ['.', 'S', '_', 'R', 'W', 'K', 'C', 'G'] as const
export type ThreadState = (typeof threadStates)[number]

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

const SHORT_REQUEST = 40
const SPACE = 0x20

const STARTING = threadStates.indexOf('S')
const NO_THREAD = threadStates.indexOf('.')
const EMPTY: Readonly<ThreadRow> = Object.freeze(emptyRow('.'))

/** Stands for what a thread has begun. */
export interface RequestMark {
  readonly hash: number
  /** The number of its route's name; 0 if nobody has said it yet. */
  readonly route: number
}

/** FNV-1a, and never 0. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash | 1
}

/** How often a reader tries to get a row that nobody writes at the same moment. */
const READ_TRIES = 16

/** The lower level of the scoreboard: one row for each thread, written by that thread alone and read by anybody. */
export class ThreadRows {
  readonly #words: Int32Array
  readonly #floats: Float64Array
  readonly #bytes: Buffer

  constructor(memory: ArrayBuffer) {
    this.#bytes = Buffer.from(memory)
    this.#words = new Int32Array(memory)
    this.#floats = new Float64Array(memory)
  }

  /**
   * Writes what has changed of a row. A reader never sees half of it: the sequence word is odd meanwhile, and
   * a reader that finds it odd, or changed after it has read, reads again. Only the row's one writer may call
   * this, so the two stores of the sequence need no read-modify-write.
   */
  write(slot: number, thread: number, row: Readonly<Partial<ThreadRow>>): void {
    const word = threadWord(slot, thread)
    const float = word / 2
    const sequence = Atomics.load(this.#words, word) | 1
    // Not a mere store: on ARM the plain stores that follow could overtake it, but not an exchange.
    Atomics.exchange(this.#words, word, sequence)
    if (row.state !== undefined) this.#words[word + Row.state] = threadStates.indexOf(row.state)
    if (row.inFlight !== undefined) this.#words[word + Row.inFlight] = row.inFlight
    if (row.connections !== undefined) this.#words[word + Row.connections] = row.connections
    if (row.fresh !== undefined) this.#words[word + Row.fresh] = row.fresh
    if (row.accepted !== undefined) this.#floats[float + Row.accepted] = row.accepted
    if (row.requests !== undefined) this.#floats[float + Row.requests] = row.requests
    if (row.errors !== undefined) this.#floats[float + Row.errors] = row.errors
    if (row.bytes !== undefined) this.#floats[float + Row.bytes] = row.bytes
    if (row.busySince !== undefined) this.#floats[float + Row.busySince] = row.busySince
    if (row.lastUsed !== undefined) this.#floats[float + Row.lastUsed] = row.lastUsed
    if (row.loopDelayMs !== undefined) this.#floats[float + Row.loopDelay] = row.loopDelayMs
    if (row.heapBytes !== undefined) this.#floats[float + Row.heapUsed] = row.heapBytes
    if (row.activeUs !== undefined) this.#floats[float + Row.activeUs] = row.activeUs
    Atomics.store(this.#words, word, (sequence + 1) | 0)
  }

  /** The same for the fields that each request changes, several times: they are written quicker alone. */
  writeRequests(slot: number, thread: number, row: Readonly<ThreadRow>): void {
    const word = threadWord(slot, thread)
    const float = word / 2
    const sequence = Atomics.load(this.#words, word) | 1
    Atomics.exchange(this.#words, word, sequence)
    this.#words[word + Row.state] = threadStates.indexOf(row.state)
    this.#words[word + Row.inFlight] = row.inFlight
    this.#floats[float + Row.requests] = row.requests
    this.#floats[float + Row.bytes] = row.bytes
    this.#floats[float + Row.busySince] = row.busySince
    this.#floats[float + Row.lastUsed] = row.lastUsed
    Atomics.store(this.#words, word, (sequence + 1) | 0)
  }

  /**
   * Notes what the thread begins, so that it can be told should it not come back from it. Outside the sequence: a
   * reader may get half of it, and shows it as text only. In two pieces: to join them first costs more than to write them.
   */
  writeRequest(slot: number, thread: number, method: string, target = ''): void {
    const word = threadWord(slot, thread)
    const at = word * 4 + REQUEST_OFFSET
    this.#words[word + Row.route] = 0
    if (method.length + target.length > SHORT_REQUEST) {
      const request = `${method} ${target}`
      this.#bytes[at] = this.#bytes.write(request, at + 1, MOST_REQUEST_BYTES, 'latin1')
      return
    }
    const bytes = this.#bytes
    let end = at + 1
    // For most requests a loop is quicker than the way into C++ and back.
    for (let index = 0; index < method.length; index++) bytes[end++] = method.charCodeAt(index)
    if (target !== '') bytes[end++] = SPACE
    for (let index = 0; index < target.length; index++) bytes[end++] = target.charCodeAt(index)
    bytes[at] = end - at - 1
  }

  /** The route of what it began last, by the number of its name. */
  writeRoute(slot: number, thread: number, route: number): void {
    Atomics.store(this.#words, threadWord(slot, thread) + Row.route, route)
  }

  /** A request that took long has ended: of many that the thread has in flight, `route` is the name of this one. */
  writeSlowRoute(
    slot: number,
    thread: number,
    method: string,
    target: string,
    route: number,
  ): void {
    const word = threadWord(slot, thread)
    const request = Buffer.from(`${method} ${target}`, 'latin1')
    Atomics.store(this.#words, word + Row.slowRequest, 0)
    Atomics.store(this.#words, word + Row.slowRoute, route)
    Atomics.store(
      this.#words,
      word + Row.slowRequest,
      hashOf(request.subarray(0, MOST_REQUEST_BYTES)),
    )
  }

  /**
   * What the thread began last; with `earlier` the route of that, be it what it began last or not: of a request that has ended meanwhile the name
   * may have come at its end. Two requests for the very same are one here.
   */
  readRoute(slot: number, thread: number, earlier?: RequestMark): RequestMark {
    const word = threadWord(slot, thread)
    const hash = this.#hashOfRequest(slot, thread)
    const wanted = earlier?.hash ?? hash
    const load = (place: number): number => Atomics.load(this.#words, word + place)
    const late = load(Row.slowRequest) === wanted ? load(Row.slowRoute) : 0
    return { hash: wanted, route: late || (hash === wanted ? load(Row.route) : 0) }
  }

  #hashOfRequest(slot: number, thread: number): number {
    const at = threadWord(slot, thread) * 4 + REQUEST_OFFSET
    const length = Math.min(this.#bytes[at] ?? 0, MOST_REQUEST_BYTES)
    return hashOf(this.#bytes.subarray(at + 1, at + 1 + length))
  }

  /** How many of its connections have changed to another protocol: seldom enough to be a word of its own. */
  writeUpgraded(slot: number, thread: number, count: number): void {
    Atomics.store(this.#words, threadWord(slot, thread) + Row.upgraded, count)
  }

  readUpgraded(slot: number, thread: number): number {
    return Atomics.load(this.#words, threadWord(slot, thread) + Row.upgraded)
  }

  /** Printable characters only: whoever reads this sees what a client sent. */
  readRequest(slot: number, thread: number): string {
    const at = threadWord(slot, thread) * 4 + REQUEST_OFFSET
    const length = Math.min(this.#bytes[at] ?? 0, MOST_REQUEST_BYTES)
    return this.#bytes.toString('latin1', at + 1, at + 1 + length).replace(/[^ -~]/g, '?')
  }

  /**
   * A consistent row; without a thread all of it is 0. After some tries (a writer that died in the middle leaves the sequence odd for ever) it
   * takes what is there: these are figures for people, and the child clears the row of a dead thread.
   */
  read(slot: number, thread: number): Readonly<ThreadRow> {
    const word = threadWord(slot, thread)
    const float = word / 2
    for (let tries = 1; ; tries++) {
      const before = Atomics.load(this.#words, word)
      // Of most places, which are read every second: an object for each would be most of the garbage of an idle pool.
      if (this.#words[word + Row.state] === NO_THREAD) return EMPTY
      const row: ThreadRow = {
        state: threadStates[this.#words[word + Row.state] ?? 0] ?? '.',
        inFlight: this.#words[word + Row.inFlight] ?? 0,
        connections: this.#words[word + Row.connections] ?? 0,
        fresh: this.#words[word + Row.fresh] ?? 0,
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
      const after = Atomics.compareExchange(this.#words, word, before, before)
      if (((before & 1) === 0 && before === after) || tries === READ_TRIES) return row
    }
  }

  /** Threads of a process, whatever they do. */
  count(slot: number): number {
    let threads = 0
    for (let thread = 0; thread < MAX_THREADS; thread++)
      if (this.#words[threadWord(slot, thread) + Row.state] !== 0) threads++
    return threads
  }

  /** Changes with each write of the row. */
  sequence(slot: number, thread: number): number {
    return Atomics.load(this.#words, threadWord(slot, thread))
  }

  /** What the threads of a process have open. */
  connections(slot: number): number {
    let connections = 0
    for (let thread = 0; thread < MAX_THREADS; thread++)
      connections += Atomics.load(this.#words, threadWord(slot, thread) + Row.connections)
    return connections
  }

  /** Threads of a process that still load the handler. */
  starting(slot: number): number {
    let starting = 0
    for (let thread = 0; thread < MAX_THREADS; thread++)
      if (this.#words[threadWord(slot, thread) + Row.state] === STARTING) starting++
    return starting
  }
}
