import type { Histogram } from '../sync/histogram.js'
import type { LoopGauge } from '../sync/loop-gauges.js'
import type { RequestSeries } from '../sync/request-series.js'

/** What metrics say beyond `Stats`. All of it is found without asking a child. */
export interface Measures {
  /** How long requests took, by kind; more than one may have the same labels. */
  readonly requests: readonly RequestSeries[]
  /** From the arrival of a request in the kernel to its handler. */
  readonly queueTimes: Histogram
  /** From the accept of a connection to the thread that takes it. */
  readonly handOff: Histogram
  readonly mutexWaits: Histogram
  readonly mutexHolds: Histogram
  /** Garbage collections, by kind. */
  readonly collections: Readonly<Record<'minor' | 'major' | 'incremental' | 'weakcb', Histogram>>
  readonly loops: readonly LoopMeasure[]
  /** The parent and its children. */
  readonly processes: readonly ProcessMeasure[]
  /** Of the cgroup, if it has a limit. */
  readonly memory: { readonly usedBytes: number; readonly limitBytes: number } | undefined
  readonly spares: { readonly min: number; readonly max: number }
  readonly deaths: readonly Tally[]
  readonly recyclings: readonly Tally[]
  readonly starts: readonly Tally[]
  readonly reloads: readonly Tally[]
}

/** Processor time of the parent and its children, and of the children that have ended. */
export interface CpuMeasure {
  readonly userMs: number
  readonly systemMs: number
  readonly endedUserMs: number
  readonly endedSystemMs: number
}

/** How often something has happened, by labels: those come from the pool and never from a user, so they are few. */
export interface Tally {
  readonly labels: Readonly<Record<string, string>>
  readonly count: number
}

export interface LoopMeasure extends LoopGauge {
  readonly process: number
  readonly thread: number
  readonly pid: number
}

export interface ProcessMeasure {
  readonly pid: number
  /** Its number in the pool, or `parent`. */
  readonly process: string
  readonly userMs: number
  readonly systemMs: number
  readonly rssBytes: number
  /** Epoch ms. */
  readonly startedAt: number
  readonly openDescriptors: number | undefined
  readonly maxDescriptors: number | undefined
}
