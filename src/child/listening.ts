/** Who accepts in this child, seen from its main thread. */
export interface Listening {
  /** Rejects if it fails; a child without it can't serve. */
  failure(): Promise<never>
  /** Makes it stop accepting, and resolves when it will queue nothing more. */
  stop(): Promise<void>
  /** Whether no thread of its own runs any more within this time. */
  hasEndedWithin(ms: number): Promise<boolean>
}
