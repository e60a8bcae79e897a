import { availableParallelism, totalmem } from 'node:os'
import type { Range } from '../shared/terms.js'
import { MAX_PROCESSES } from '../sync/limits.js'

export interface DefaultSizes {
  readonly processes: Range
  readonly threads: Range
  readonly spares: Range
}

/** What a thread with a middling handler takes, for the estimate of how many fit into the memory. */
const THREAD_BYTES = 64 * 2 ** 20
const MOST_THREADS = 4
/** What the option allows. */
const MOST_PROCESSES = MAX_PROCESSES / 2

/**
 * The sizes of a pool whose user gives none. A process per core uses every core; two at least, so that one may die; a
 * few threads in each for handlers that wait. Threads that may not fit into half of the memory are left out.
 */
export function defaultSizes(cores: number, memoryBytes: number): DefaultSizes {
  const processes = { min: Math.min(cores, 2), max: Math.min(Math.max(cores, 2), MOST_PROCESSES) }
  const fitting = Math.floor(memoryBytes / 2 / THREAD_BYTES / processes.max)
  const threads = { min: 1, max: Math.min(Math.max(fitting, 1), MOST_THREADS) }
  return { processes, threads, spares: { min: cores, max: cores * 3 } }
}

/** Cores and memory that this process may use, by CPU affinity and control group. */
export function measureMachine(): { readonly cores: number; readonly memoryBytes: number } {
  // 0 or undefined: no limit is known; a huge number: no limit is set.
  const constrained = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  return { cores: availableParallelism(), memoryBytes: Math.min(totalmem(), constrained) }
}
