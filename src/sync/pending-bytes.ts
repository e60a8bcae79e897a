const NUMBERS = 2
const HEADER_BYTES = NUMBERS * Int32Array.BYTES_PER_ELEMENT

/**
 * Bytes that a thread has yet to write, in memory that its child shares: when the thread ends, however it ends, they are still
 * there.
 *
 *     [ length: Int32 | lines lost: Int32 | bytes … ]
 *
 * Only one side uses it at a time: the thread while it lives, its child's main thread afterwards.
 */
export class PendingBytes {
  readonly #numbers: Int32Array
  readonly #bytes: Buffer

  constructor(memory: ArrayBuffer | SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory, 0, NUMBERS)
    this.#bytes = Buffer.from(memory, HEADER_BYTES)
  }

  static shared(capacity: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEADER_BYTES + capacity)
  }

  static own(capacity: number): PendingBytes {
    return new PendingBytes(new ArrayBuffer(HEADER_BYTES + capacity))
  }

  get length(): number {
    return Math.min(Math.max(this.#numbers[0] ?? 0, 0), this.#bytes.length)
  }

  get room(): number {
    return this.#bytes.length - this.length
  }

  /** How many lines were lost, and nobody was told of yet. */
  get lost(): number {
    return this.#numbers[1] ?? 0
  }

  set lost(lines: number) {
    this.#numbers[1] = lines
  }

  /** A copy of all that waits, in `scratch` if that is large enough: C functions take no shared memory. */
  copy(scratch?: Uint8Array): Uint8Array {
    const waiting = this.#bytes.subarray(0, this.length)
    if (scratch === undefined || scratch.length < waiting.length) return new Uint8Array(waiting)
    scratch.set(waiting)
    return scratch.subarray(0, waiting.length)
  }

  /** They must fit. */
  append(bytes: Uint8Array): void {
    const { length } = this
    this.#bytes.set(bytes, length)
    this.#numbers[0] = length + bytes.length
  }

  /** Text of ASCII. False if there is no room for all of it; then, and should the thread end in the middle, nothing was appended. */
  appendText(text: string): boolean {
    const { length } = this
    if (text.length > this.#bytes.length - length) return false
    this.#numbers[0] = length + this.#bytes.write(text, length, 'latin1')
    return true
  }

  /** The first ones are written, or lost. */
  drop(count: number): void {
    const { length } = this
    this.#bytes.copyWithin(0, count, length)
    this.#numbers[0] = length - count
  }
}
