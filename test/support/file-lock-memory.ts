/** Words of the memory that the processes of `file-lock.test.ts` share. */
export const At = {
  stop: 0,
  started: 1,
  /** Who is inside. */
  inside: 2,
  /** Equal, except inside. */
  first: 3,
  second: 4,
  /** How often somebody was inside with another, or found the two unequal without reason. */
  broken: 5,
  /** How often somebody found what one that was killed inside had left. */
  repairs: 6,
  /** From here on: 1 for each process that is about to be killed. */
  doomed: 64,
  /** From here on: the completed sections of each process. */
  own: 128,
} as const

export const MOST_PROCESSES = 64
export const BYTES = 4096
