import type { Address } from '../peers/server.js'

/** A request to be: when it is due after the beginning, and what it asks for. */
export interface Due {
  readonly atMs: number
  readonly path: string
  /** Whether it counts in the figures of latency; those that don't are load beside those that do. */
  readonly observed: boolean
}

/** What the generator is to do; it gets it as JSON on standard input. */
export interface Order {
  /** Taken in turn by requests that open a connection. */
  readonly addresses: readonly Address[]
  readonly protocol: 'http' | 'echo'
  /**
   * `each`: a connection for every request. A number: so many that stay open; each request takes a random one that is
   * idle, and where none is a further one is opened, as agents and proxies do.
   */
  readonly connections: 'each' | number
  /** Connections that have had one request each and then stay open without a word. */
  readonly idleConnections: number
  /** Clients that go on sending requests byte by byte, for as long as the load lasts. */
  readonly slowClients: number
  readonly dues: readonly Due[]
}

/** One answered request; all times in ms on the clock of the whole machine. */
export interface Exchange {
  readonly observed: boolean
  readonly arrivedMs: number
  /** When the client had the response. */
  readonly answeredMs: number
  /** Who worked from when to when; only of requests whose reply says so. */
  readonly served?: Served
}

export interface Served {
  readonly thread: string
  readonly startedMs: number
  readonly endedMs: number
}

/** What the generator prints when every request has come to its end. */
export interface ClientReport {
  readonly exchanges: readonly Exchange[]
  /** What went wrong, once per failed request. */
  readonly failures: readonly string[]
  /** How late each request was started, in ms: what a busy machine did to the generator, and to the servers as well. */
  readonly latenessesMs: readonly number[]
}
