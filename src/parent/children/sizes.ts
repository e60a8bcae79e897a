import type { Range } from '../../shared/terms.js'

/** Between which limits a pool may breathe: processes, threads in each, idle threads in all. */
export interface Sizes {
  readonly processes: Range
  readonly threads: Range
  readonly spares: Range
}
