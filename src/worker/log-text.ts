/** Pieces of a line of the access log: all of them are ASCII. */

/** What is not itself in a line. */
const UNPLAIN = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
const EACH_BEYOND_ASCII = /[\x7f-\uffff]/g

const SPACE = 0x20
const LAST_OF_ASCII = 0x7e
const LAST_OF_BYTE = 0xff

/**
 * What a client sends, as Apache writes it: a quote and a backslash behind a backslash, and `\xhh` for each byte that is not printable ASCII. So it can't
 * end its field, nor its line.
 */
export function escaped(text: string): string {
  return UNPLAIN.test(text) ? Array.from(text, escapedCharacter).join('') : text
}

function escapedCharacter(character: string): string {
  const code = character.charCodeAt(0)
  if (character === '"' || character === '\\') return `\\${character}`
  if (code >= SPACE && code <= LAST_OF_ASCII) return character
  // Node reads each byte of HTTP/1.1 as one character.
  const bytes = code <= LAST_OF_BYTE ? [code] : Buffer.from(character)
  return Array.from(bytes, (byte) => `\\x${hex(byte, 2)}`).join('')
}

/** For a string of JSON, without its quotes. */
export function escapedForJson(text: string): string {
  return UNPLAIN.test(text)
    ? JSON.stringify(text)
        .slice(1, -1)
        .replace(EACH_BEYOND_ASCII, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
    : text
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}

const PER_UNIT = 1000

/** `0`, `0.001` to `0.999`: each is made when it is first needed. */
const fractions: string[] = []

/** A number of ms, not below 0, to three places. Most are below 1, and a table is three times as quick as what makes text of a fraction. */
export function milliseconds(ms: number): string {
  const thousandths = Math.round(ms * PER_UNIT)
  if (thousandths >= PER_UNIT) return String(thousandths / PER_UNIT)
  fractions[thousandths] ??= String(thousandths / PER_UNIT)
  return fractions[thousandths]
}

/** Makes a piece of a line of up to three values. */
export type Piece<A, B = void, C = void> = (a: A, b: B, c: C) => string

/** For what is often made of the same values as the last time. What is not costs the comparisons. */
export function repeated<A, B = void, C = void>(make: Piece<A, B, C>): Piece<A, B, C> {
  let piece: string | undefined
  let isFlat = false
  let [lastA, lastB, lastC]: [A?, B?, C?] = []
  return (a, b, c) => {
    if (piece === undefined || a !== lastA || b !== lastB || c !== lastC) {
      lastA = a
      lastB = b
      lastC = c
      isFlat = false
      piece = make(a, b, c)
    } else if (!isFlat) {
      isFlat = true
      piece = flat(piece)
    }
    return piece
  }
}

/** In one piece of memory: V8 keeps what was put together as the tree of its parts, and whoever reads it walks through that each time. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
