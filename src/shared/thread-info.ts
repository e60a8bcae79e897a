/** A child as events tell of it. */
export interface ChildInfo {
  /** Its place in the scoreboard. */
  readonly process: number
  readonly pid: number
  readonly generation: number
}

export interface ThreadInfo extends ChildInfo {
  readonly thread: number
  /** It may be given work, or runs no more. */
  readonly phase: 'ready' | 'over'
}
