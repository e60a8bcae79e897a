import { type Histogram, REQUEST_BOUNDS } from './histogram.js'
import { HistogramCells } from './histogram-cells.js'
import {
  CELLS_OFFSET,
  HISTOGRAM_BYTES,
  KEYS_OFFSET,
  MAX_ROUTES,
  MAX_SERIES,
} from './request-series-layout.js'
import { NO_ROUTE, OTHER_ROUTE, RouteNames } from './route-names.js'

/** Those of RFC 9110 and PATCH, as OpenTelemetry has it: what else a client may call a method is `_OTHER`, or it could make series without end. */
const METHODS = [
  '_OTHER',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
] as const
const METHOD_NUMBERS = new Map<string, number>(METHODS.map((method, number) => [method, number]))

const PROTOCOLS = ['1.1', '1.0', '2', '_OTHER'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** What a request was, as far as it is told apart. */
export interface RequestKind {
  readonly method: string
  /** Of the response. */
  readonly status: number
  readonly isSecure: boolean
  readonly protocol: Protocol
  /** What the handler calls it. */
  readonly route: string | undefined
}

/** The requests of one kind. */
export interface RequestSeries {
  /** Its place in the table, which it keeps. */
  readonly place: number
  readonly method: string
  readonly status: string
  readonly scheme: 'http' | 'https'
  readonly protocol: Protocol
  readonly route: string | undefined
  readonly durations: Histogram
}

/** The last places are for requests without a route: a program that names many routes leaves room for those. */
const ROUTED_SERIES = MAX_SERIES - MAX_SERIES / 4

/**
 * How long requests have taken, by method, status, scheme, protocol and route: for each kind that has come a histogram in shared memory,
 * common to all threads and processes.
 *
 *     key    bits 0 - 7 route   8, 9 protocol   10 scheme   11 - 20 status   21 - 24 method; and bit 30, so that it is never 0
 *
 * A place belongs to the first kind that is put there, for ever: its key goes from 0 to that in one exchange, so two threads that bring the same kind
 * or two kinds at the same time agree on who has which place, and a thread that dies leaves nothing half done. Where no place is left, a kind
 * counts as one without its route's name, and at last as one of which nothing is known.
 */
export class RequestSeriesTable {
  readonly #keys: Int32Array
  readonly #cells: BigInt64Array
  /** Where the histograms begin, in cells. */
  readonly #firstCell: number
  readonly #routes: RouteNames
  /** The histograms that this thread has found, by key. */
  readonly #found = new Map<number, HistogramCells>()

  /** `at`: where it begins, in bytes; `cells` are the whole memory. */
  constructor(memory: ArrayBuffer, cells: BigInt64Array, at: number) {
    this.#keys = new Int32Array(memory, at + KEYS_OFFSET, MAX_SERIES)
    this.#cells = cells
    this.#firstCell = (at + CELLS_OFFSET) / 8
    this.#routes = new RouteNames(memory, at)
  }

  record(kind: RequestKind, seconds: number): void {
    this.cellsOf(kind).record(seconds)
  }

  /** For who records more of the same kind. */
  cellsOf(kind: RequestKind): HistogramCells {
    const key = this.#keyOf(kind)
    return this.#found.get(key) ?? this.#find(key)
  }

  /** What was counted elsewhere. */
  add(kind: RequestKind, durations: Histogram): void {
    this.cellsOf(kind).add(durations)
  }

  read(): RequestSeries[] {
    const series: RequestSeries[] = []
    for (let place = 0; place < MAX_SERIES; place++) {
      const key = Atomics.load(this.#keys, place)
      if (key !== 0)
        series.push({ place, ...described(key, this.#routes), durations: this.#at(place).read() })
    }
    return series
  }

  /** Of each kind alone, for who needs no names. */
  durations(): Histogram[] {
    const all: Histogram[] = []
    for (let place = 0; place < MAX_SERIES; place++)
      if (Atomics.load(this.#keys, place) !== 0) all.push(this.#at(place).read())
    return all
  }

  /** Of a route's name, for who keeps numbers. */
  routeNumber(name: string): number {
    return this.#routes.numberOf(name)
  }

  /** `undefined` if there is no such route, or it is one of those that have no name of their own. */
  routeName(number: number): string | undefined {
    return number > MAX_ROUTES ? undefined : this.#routes.nameOf(number)
  }

  #keyOf({ method, status, isSecure, protocol, route }: RequestKind): number {
    const known = status >= 100 && status <= 999 ? status : 0
    return packed(
      METHOD_NUMBERS.get(method) ?? 0,
      known,
      isSecure ? 1 : 0,
      PROTOCOLS.indexOf(protocol),
      route === undefined ? NO_ROUTE : this.#routes.numberOf(route),
    )
  }

  #find(key: number): HistogramCells {
    const place = this.#claim(key)
    const cells = this.#at(place)
    this.#found.set(key, cells)
    return cells
  }

  #claim(key: number): number {
    const route = key & 0xff
    const end = route === NO_ROUTE || route === OTHER_ROUTE ? MAX_SERIES - 1 : ROUTED_SERIES
    for (let place = 0; place < end; place++) {
      const there = Atomics.load(this.#keys, place)
      if (there === key) return place
      if (there !== 0) continue
      const before = Atomics.compareExchange(this.#keys, place, 0, key)
      if (before === 0 || before === key) return place
    }
    if (end === ROUTED_SERIES) return this.#claim((key & ~0xff) | OTHER_ROUTE)
    Atomics.store(this.#keys, MAX_SERIES - 1, packed(0, 0, 0, 3, OTHER_ROUTE))
    return MAX_SERIES - 1
  }

  #at(place: number): HistogramCells {
    const first = this.#firstCell + (place * HISTOGRAM_BYTES) / 8
    return new HistogramCells(this.#cells, first, REQUEST_BOUNDS)
  }
}

function described(key: number, routes: RouteNames): Omit<RequestSeries, 'place' | 'durations'> {
  const status = (key >> 11) & 0x3ff
  return {
    method: METHODS[(key >> 21) & 0xf] ?? '_OTHER',
    status: status === 0 ? '_OTHER' : String(status),
    scheme: (key >> 10) & 1 ? 'https' : 'http',
    protocol: PROTOCOLS[(key >> 8) & 3] ?? '_OTHER',
    route: routes.nameOf(key & 0xff),
  }
}

/** The kind of such a series. */
export function kindOf({ method, status, scheme, protocol, route }: RequestSeries): RequestKind {
  const known = status === '_OTHER' ? 0 : Number(status)
  return { method, status: known, isSecure: scheme === 'https', protocol, route }
}

function packed(
  method: number,
  status: number,
  scheme: number,
  protocol: number,
  route: number,
): number {
  return (1 << 30) | (method << 21) | (status << 11) | (scheme << 10) | (protocol << 8) | route
}
