/** What is known of a thread that may be replaced for its age. */
export interface RecycleSituation {
  readonly thread: number
  /** Of the monotonic clock. */
  readonly startedMs: number
  readonly requests: number
  readonly heapBytes: number
  /** From which on it goes; 0 for never. */
  readonly recycle: { readonly requests: number; readonly heap: number }
}

/** Why a thread is to be replaced: for its age in requests, or the size of its heap; `undefined` if it stays. */
export function recycleReason(situation: RecycleSituation): string | undefined {
  const { requests, heapBytes, recycle } = situation
  if (recycle.requests > 0 && requests >= recycle.requests * jitter(situation))
    return `it served ${requests} requests, recycleRequests is ${recycle.requests}`
  if (recycle.heap > 0 && heapBytes >= recycle.heap)
    return `its heap has ${heapBytes} bytes, recycleHeap is ${recycle.heap}`
  return undefined
}

/** Threads that started together shall not all be recycled together: up to a tenth later, the same for each look. */
function jitter({ thread, startedMs }: RecycleSituation): number {
  return 1 + ((Math.floor(startedMs) + thread * 37) % 100) / 1000
}
