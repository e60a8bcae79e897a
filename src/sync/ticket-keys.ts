import { createSharedMemory, mapSharedMemory } from '../sys/memory.js'
import { fillWithRandomBytes } from '../sys/random.js'

/** What Node takes: a name, a key to sign and one to cipher. */
const KEY_BYTES = 48
/** A sequence word, odd while the parent writes; room for an even place; when the key was made; the key. */
const SEQUENCE = 0
const MADE_AT = 1
const KEY_OFFSET = 16
const BYTES = KEY_OFFSET + KEY_BYTES

/** Tickets of the old key are good for nothing afterwards: their clients shake hands in full once more. */
const LIFETIME_MS = 8 * 3600 * 1000

/** How often a reader tries to get a key that nobody writes at the same moment. */
const READ_TRIES = 16

/**
 * The key of the session tickets, with which every thread of every process opens the tickets that any other has given. It lies in
 * memory that all map, and goes on to the next parent at an upgrade: it is never written to a file, an environment or a log.
 *
 * One writer, the parent; whoever reads half of a key tries again, and if a writer died in the middle, has tickets that
 * nobody opens, which costs their clients a full handshake.
 */
export class TicketKeys {
  readonly #words: Int32Array
  readonly #times: Float64Array
  readonly #bytes: Uint8Array

  constructor(memory: ArrayBuffer) {
    this.#words = new Int32Array(memory)
    this.#times = new Float64Array(memory, 0, KEY_OFFSET / 8)
    this.#bytes = new Uint8Array(memory, KEY_OFFSET, KEY_BYTES)
  }

  /** A descriptor of memory for them. */
  static create(): number {
    return createSharedMemory('forkthread-tickets', BYTES)
  }

  static map(fd: number): TicketKeys {
    return new TicketKeys(mapSharedMemory(fd, BYTES))
  }

  /** For the parent: a new key, if there is none or the old one has lived long enough. `now` is in ms, as `monotonicMs` counts. */
  rotate(now: number): void {
    const madeAt = this.#times[MADE_AT] ?? 0
    const age = now - madeAt
    // The clock never goes back, but what stands there is mere memory: a key must not live for years.
    if (madeAt !== 0 && age >= 0 && age < LIFETIME_MS) return
    const sequence = Atomics.load(this.#words, SEQUENCE) | 1
    Atomics.exchange(this.#words, SEQUENCE, sequence)
    const key = new Uint8Array(KEY_BYTES)
    fillWithRandomBytes(key)
    this.#bytes.set(key)
    this.#times[MADE_AT] = now
    Atomics.store(this.#words, SEQUENCE, (sequence + 1) | 0)
  }

  /** Changes with the key. */
  get version(): number {
    return Atomics.load(this.#words, SEQUENCE)
  }

  read(): Buffer {
    let key = Buffer.alloc(KEY_BYTES)
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const before = this.version
      key = Buffer.from(this.#bytes)
      // It changes nothing, but the loads above can't be delayed past it (see ThreadRows).
      const after = Atomics.compareExchange(this.#words, SEQUENCE, before, before)
      if ((before & 1) === 0 && before === after) break
    }
    return key
  }
}
