/** What the parker knows of its child when a parked connection has something to read; a moment old. */
export interface LocalCapacity {
  /** Threads without a request in flight. */
  readonly idle: number
  /** Entries in the fd queue. */
  readonly queued: number
}

/**
 * Where a readable connection goes. An idle thread of this child takes it with one wake-up. Without one it goes where new
 * connections wait, too, for whichever thread of the pool is the first to have capacity: whether another process has an
 * idle thread need not be known here, since that thread, or its listener thread, then watches the mailbox.
 */
export function handOnTo({ idle, queued }: LocalCapacity): 'queue' | 'mailbox' {
  return idle > queued ? 'queue' : 'mailbox'
}
