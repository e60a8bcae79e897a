import { MAX_ROUTES, ROUTE_BYTES } from './request-series-layout.js'
import { SharedNames } from './shared-names.js'

/** No route was named. */
export const NO_ROUTE = 0
/** Beyond the most that there may be. */
export const OTHER_ROUTE = 255
const OTHER = '_OTHER'

/**
 * The names of routes, common to all threads and processes. There is place for so many; all others are one, `_OTHER`, or a program that
 * calls each path a route would make metrics without end.
 */
export class RouteNames {
  readonly #names: SharedNames

  /** `at`: where they begin, in bytes. */
  constructor(memory: ArrayBuffer, at: number) {
    this.#names = new SharedNames(memory, { at, most: MAX_ROUTES, bytesEach: ROUTE_BYTES })
  }

  numberOf(name: string): number {
    return this.#names.numberOf(name) || OTHER_ROUTE
  }

  /** `undefined` for no route. */
  nameOf(number: number): string | undefined {
    return number === NO_ROUTE ? undefined : (this.#names.nameOf(number) ?? OTHER)
  }
}
