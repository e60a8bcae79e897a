/** One way to drive a server over a port of the loopback address. */
export interface Load {
  readonly name: string
  /** What is run, as a reader could type it or in a few words. */
  readonly description: string
  run(port: number, seconds: number, signal: AbortSignal): Promise<LoadResult>
}

export interface LoadResult {
  readonly requests: number
  /** Requests that failed in any way: socket errors, time-outs, a status other than 2xx. */
  readonly failed: number
  /** The tool's own words for the failures; empty when there are none. */
  readonly failures: string
  readonly requestsPerSecond: number
  /**
   * Only from loads that do not saturate (under saturation latency only says how long the queue is), and
   * only when at least one request was answered.
   */
  readonly latency?: Latency
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  /** How late the generator itself started a request (p99): when this grows, its latencies mean nothing. */
  readonly generatorLateP99Ms: number
}
