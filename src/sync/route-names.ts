import { MAX_ROUTES, ROUTE_BYTES, ROUTES_OFFSET } from './scoreboard-layout.js'

/** No route was named. */
export const NO_ROUTE = 0
/** Beyond the most that there may be. */
export const OTHER_ROUTE = 255
const OTHER = '_OTHER'

const FREE = 0
const WRITING = 1
const NAMED = 2
const MOST_NAME_BYTES = ROUTE_BYTES - 6

/**
 * The names of routes, common to all threads and processes, numbered from 1. There is place for so many; all others are one, `_OTHER`, or a program that
 * calls each path a route would make metrics without end.
 *
 *     each name    +0 state   free → being written → named, and never back    +4 length in bytes    +6 UTF-8
 *
 * Who turns free into "being written" writes, and nobody reads until it says "named". A thread that dies in between leaves a place that
 * nobody uses. Two threads may give the same name two numbers; who reads adds up by name.
 */
export class RouteNames {
  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #numbers = new Map<string, number>()
  #isFull = false

  constructor(memory: ArrayBuffer) {
    this.#words = new Int32Array(memory)
    this.#bytes = Buffer.from(memory)
  }

  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    // Names are no longer learned then, be they ever so many.
    if (this.#isFull) return OTHER_ROUTE
    const number = this.#claim(name)
    if (number === OTHER_ROUTE) this.#isFull = true
    else this.#numbers.set(name, number)
    return number
  }

  /** `undefined` for no route. */
  nameOf(number: number): string | undefined {
    if (number === NO_ROUTE) return undefined
    if (number > MAX_ROUTES) return OTHER
    const at = offsetOf(number)
    if (Atomics.load(this.#words, at / 4) !== NAMED) return OTHER
    const length = Math.min(this.#bytes.readUInt16LE(at + 4), MOST_NAME_BYTES)
    return this.#bytes.toString('utf8', at + 6, at + 6 + length)
  }

  #claim(name: string): number {
    const bytes = Buffer.from(name).subarray(0, MOST_NAME_BYTES)
    const stored = bytes.toString()
    for (let number = 1; number <= MAX_ROUTES; number++) {
      const at = offsetOf(number)
      if (Atomics.compareExchange(this.#words, at / 4, FREE, WRITING) === FREE) {
        bytes.copy(this.#bytes, at + 6)
        this.#bytes.writeUInt16LE(bytes.length, at + 4)
        Atomics.store(this.#words, at / 4, NAMED)
        return number
      }
      if (this.nameOf(number) === stored) return number
    }
    return OTHER_ROUTE
  }
}

function offsetOf(number: number): number {
  return ROUTES_OFFSET + (number - 1) * ROUTE_BYTES
}
