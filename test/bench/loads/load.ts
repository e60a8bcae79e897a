import type { LatencyFigures } from '../figures/latency.js'
import type { Address, Transport, Work } from '../peers/server.js'

/** One way to drive a server. */
export interface Load {
  readonly name: string
  /** What is run, as a reader could type it or in a few words. */
  readonly description: string
  readonly transport: Transport
  readonly work: Work
  /** Whether it keeps so many threads busy that a server with fewer would only be a growing queue. */
  readonly fillsThreads: boolean
  /** Whether its connections stay open, many more of them than threads. */
  readonly keepsConnections: boolean
  drive(addresses: readonly Address[], run: Run): Promise<LoadResult>
}

export interface Run {
  /** Of the pool: the rate of loads that fill threads goes by it. */
  readonly threads: number
  /** Of the server that is driven. */
  readonly serverThreads: number
  readonly seconds: number
  /** For which share of the time blocking loads keep the threads busy. */
  readonly load: number
  /** The same seed gives the same requests at the same moments, so that chance falls out of a ratio. */
  readonly seed: number
  readonly signal: AbortSignal
  readonly meter: Meter
}

/** Is told when the load begins and when its last request has ended (connections that stay open are still open). */
export interface Meter {
  begin(): void
  end(): Promise<void>
}

export interface LoadResult {
  readonly requests: number
  /** Requests that failed in any way: socket errors, time-outs, a status other than 200. */
  readonly failed: number
  /** The failures in words; empty when there are none. */
  readonly failures: string
  /** Only of loads that saturate: of the others it is the load's own. */
  readonly requestsPerSecond?: number
  /** Only of loads that do not saturate: under saturation latency only says how long the queue is. */
  readonly latency?: LatencyFigures
  /** Response times of the observed requests, in ms, for quantiles over all rounds. */
  readonly responsesMs?: readonly number[]
  /** How late the generator itself started requests (p99): when this grows, others are at work on the machine. */
  readonly generatorLateP99Ms?: number
}
