const SPACE = 0x20
const LAST_OF_ASCII = 0x7e
const QUOTE = 0x22
const BACKSLASH = 0x5c
const DIGIT_0 = 0x30
const TEN = 10

/** From here on a call out of compiled code is cheaper than a loop, by a few ns; measured on Node 20, 24 and 26. */
const LONG_BYTES = 12
const LONG_TEXT = 26

/** Two digits for each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const LAST_OF_BYTE = 0xff

/** Text that is written often, made bytes once. */
export function asciiBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

/** Bytes of its own for what `compose` writes of `what`; it is called twice. */
export function composed<T>(compose: (out: AsciiWriter, what: T) => void, what: T): Uint8Array {
  const measure = new AsciiWriter(new Uint8Array(0))
  compose(measure, what)
  const bytes = new Uint8Array(measure.at)
  compose(new AsciiWriter(bytes), what)
  return bytes
}

/** Writes a piece of a line that is made of up to three values. */
export type Piece<A, B = void, C = void> = (out: AsciiWriter, a: A, b: B, c: C) => void

/** For what is often made of the same values as the last time: then bytes are copied. What is not costs the comparisons. */
export function repeating<A, B = void, C = void>(write: Piece<A, B, C>): Piece<A, B, C> {
  let bytes: Uint8Array | undefined
  let [isFirst, lastA, lastB, lastC]: [boolean, A?, B?, C?] = [true]
  return (out, a, b, c) => {
    if (a !== lastA || b !== lastB || c !== lastC || isFirst) {
      isFirst = false
      lastA = a
      lastB = b
      lastC = c
      bytes = undefined
      write(out, a, b, c)
      return
    }
    bytes ??= composed((again) => write(again, a, b, c), undefined)
    out.bytes(bytes)
  }
}

/**
 * Writes ASCII piece by piece into bytes. A string that is put together and then copied costs about twice as much, a part of it for the
 * garbage collector.
 *
 * Beyond the end nothing is written but `at` goes on: it says how many bytes all of it needs.
 */
export class AsciiWriter {
  readonly #bytes: Buffer
  /** Where the next byte goes. */
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get fits(): boolean {
    return this.at <= this.#bytes.length
  }

  /** What must be ASCII. */
  text(text: string): void {
    const bytes = this.#bytes
    const { length } = text
    let at = this.at
    this.at = at + length
    if (!this.fits) return
    if (length >= LONG_TEXT) bytes.write(text, at, 'latin1')
    else for (let index = 0; index < length; index++) bytes[at++] = text.charCodeAt(index)
  }

  bytes(from: Uint8Array): void {
    const bytes = this.#bytes
    const { length } = from
    let at = this.at
    this.at = at + length
    if (!this.fits) return
    if (length >= LONG_BYTES) bytes.set(from, at)
    else for (let index = 0; index < length; index++) bytes[at++] = from[index] as number
  }

  /** A whole number, not below 0. */
  number(number: number): void {
    if (!(number < 2 ** 31)) {
      this.text(String(number))
      return
    }
    let digits = 1
    for (let rest = number; rest >= TEN; rest = (rest / TEN) | 0) digits++
    this.#digits(number, digits)
  }

  /** A number of ms, not below 0, to three places, without what is 0 at the end. */
  thousandths(ms: number): void {
    const all = Math.round(ms * 1000)
    // As numbers of the quick kind it goes up to 35 minutes.
    if (!(all >= 0 && all < 2 ** 31)) {
      this.text(String(all / 1000))
      return
    }
    this.number((all / 1000) | 0)
    let places = all % 1000
    if (places === 0) return
    let digits = 3
    while (places % TEN === 0) {
      places /= TEN
      digits--
    }
    this.text('.')
    this.#digits(places, digits)
  }

  /**
   * What a client sends, as Apache writes it: a quote and a backslash behind a backslash, and `\xhh` for each byte that is not printable ASCII. So it can't
   * end its field, nor its line.
   */
  escaped(text: string): void {
    const from = this.at
    if (this.#plain(text)) return
    this.at = from
    for (const character of text) {
      const code = character.charCodeAt(0)
      if (code === QUOTE || code === BACKSLASH) this.text(`\\${character}`)
      else if (code >= SPACE && code <= LAST_OF_ASCII) this.text(character)
      // Node reads each byte of HTTP/1.1 as one character.
      else if (code <= LAST_OF_BYTE) this.text(`\\x${HEX[code]}`)
      else for (const byte of Buffer.from(character)) this.text(`\\x${HEX[byte]}`)
    }
  }

  /** As a string of JSON, with its quotes. */
  quoted(text: string): void {
    this.text('"')
    const from = this.at
    if (!this.#plain(text)) {
      this.at = from
      this.text(escapedForJson(text))
    }
    this.text('"')
  }

  /** False if there is something in it that is not itself in a line. */
  #plain(text: string): boolean {
    const bytes = this.#bytes
    const { length } = text
    if (length >= LONG_TEXT) {
      if (UNPLAIN.test(text)) return false
      this.text(text)
      return true
    }
    let at = this.at
    this.at = at + length
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code < SPACE || code > LAST_OF_ASCII || code === QUOTE || code === BACKSLASH) return false
      bytes[at++] = code
    }
    return true
  }

  #digits(number: number, digits: number): void {
    const bytes = this.#bytes
    let at = this.at + digits
    this.at = at
    let rest = number
    for (let index = 0; index < digits; index++) {
      bytes[--at] = DIGIT_0 + (rest % TEN)
      rest = (rest / TEN) | 0
    }
  }
}

/** What is not itself in a line. */
const UNPLAIN = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
const EACH_BEYOND_ASCII = /[\x7f-\uffff]/g

/** Without its quotes. */
function escapedForJson(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(EACH_BEYOND_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
