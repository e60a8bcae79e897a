/** A process's threads fit into one word of bits. */
export const MAX_THREADS = 32

/** Slots for processes: twice the most that a pool may have, so that a reload finds room beside the old ones. */
export const MAX_PROCESSES = 128

/** More than one process in the pool may have would be no limit at all. */
export const MAX_PERMITS = MAX_PROCESSES / 2
