/** How evenly requests were shared among threads. */
export interface Evenness {
  /** Standard deviation / mean of the requests per thread; 0 is even. */
  readonly variation: number
  /** Jain's index of the same: 1 is even, 1 / threads is all in one. */
  readonly jain: number
}

/** Threads that served nothing count as well, so their number has to be known. */
export function evenness(servedBy: readonly string[], threads: number): Evenness {
  const counts = new Map<string, number>()
  for (const thread of servedBy) counts.set(thread, (counts.get(thread) ?? 0) + 1)
  // A thread that was replaced meanwhile is one more.
  const places = Math.max(threads, counts.size)
  const mean = servedBy.length / places
  const squares = [...counts.values()].reduce((sum, count) => sum + count ** 2, 0) / places
  // Rounding may push an even share below zero.
  const variance = Math.max(0, squares - mean ** 2)
  return { variation: Math.sqrt(variance) / mean, jain: mean ** 2 / squares }
}
