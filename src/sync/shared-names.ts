const FREE = 0
const WRITING = 1
const NAMED = 2
/** Before the text of each name: its state, and its length. */
const HEAD_BYTES = 6

/** Where names lie in a memory, and for how many there is room. */
export interface NamePlaces {
  /** In bytes, a multiple of 4. */
  readonly at: number
  readonly most: number
  /** Of each name, a multiple of 4; six of them are not for its text. */
  readonly bytesEach: number
}

/**
 * Names in memory that threads and processes share, numbered from 1 in the order of their coming.
 *
 *     each name    +0 state   free → being written → named, and never back    +4 length in bytes    +6 UTF-8
 *
 * Who turns free into "being written" writes, and nobody reads until it says "named". A thread that dies in between leaves a place that
 * nobody uses. Two threads may give the same name two numbers; who reads adds up by name.
 */
export class SharedNames {
  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #places: NamePlaces
  readonly #numbers = new Map<string, number>()
  #isFull = false

  constructor(memory: ArrayBuffer, places: NamePlaces) {
    this.#words = new Int32Array(memory)
    this.#bytes = Buffer.from(memory)
    this.#places = places
  }

  /** 0 where there is no room for one more. */
  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    // Names are no longer learned then, be they ever so many.
    if (this.#isFull) return 0
    const number = this.#claim(name)
    if (number === 0) this.#isFull = true
    else this.#numbers.set(name, number)
    return number
  }

  /** `undefined` if nobody has this number. */
  nameOf(number: number): string | undefined {
    if (number < 1 || number > this.#places.most) return undefined
    const at = this.#offsetOf(number)
    if (Atomics.load(this.#words, at / 4) !== NAMED) return undefined
    const length = Math.min(this.#bytes.readUInt16LE(at + 4), this.#mostTextBytes)
    return this.#bytes.toString('utf8', at + HEAD_BYTES, at + HEAD_BYTES + length)
  }

  get #mostTextBytes(): number {
    return this.#places.bytesEach - HEAD_BYTES
  }

  #claim(name: string): number {
    const bytes = Buffer.from(name).subarray(0, this.#mostTextBytes)
    const stored = bytes.toString()
    for (let number = 1; number <= this.#places.most; number++) {
      const at = this.#offsetOf(number)
      if (Atomics.compareExchange(this.#words, at / 4, FREE, WRITING) === FREE) {
        bytes.copy(this.#bytes, at + HEAD_BYTES)
        this.#bytes.writeUInt16LE(bytes.length, at + 4)
        Atomics.store(this.#words, at / 4, NAMED)
        return number
      }
      if (this.nameOf(number) === stored) return number
    }
    return 0
  }

  #offsetOf(number: number): number {
    return this.#places.at + (number - 1) * this.#places.bytesEach
  }
}
