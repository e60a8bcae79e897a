/**
 * What goes from hand to hand and through the fd queue: a descriptor, with what must be known of its connection beside it.
 *
 *     bit 29        it was parked: no new one, its next request is there already, and no PROXY header is to come
 *     bits 22 - 28  1 + the number of the listener that has accepted it; 0 if that is forgotten, as of one that was parked
 *     bits 0 - 21   the descriptor
 */
const RESUMED = 2 ** 29
const LISTENER_SHIFT = 22
const LISTENER_BITS = 0x7f
const DESCRIPTOR_BITS = 2 ** LISTENER_SHIFT - 1

/** What goes with a descriptor into another process. */
export const MARK_BITS = 8

/** Of a connection that this listener has accepted; the numbers are those of `listen`. */
export function acceptedBy(listener: number, fd: number): number {
  return fd | ((listener + 1) << LISTENER_SHIFT)
}

export function resumed(fd: number): number {
  return fd | RESUMED
}

export function isResumed(entry: number): boolean {
  return (entry & RESUMED) !== 0
}

/** The number of its listener, -1 if that is not known. */
export function listenerOf(entry: number): number {
  return ((entry >> LISTENER_SHIFT) & LISTENER_BITS) - 1
}

export function descriptorOf(entry: number): number {
  return entry & DESCRIPTOR_BITS
}

/** All but the descriptor, in `MARK_BITS` bits. */
export function markOf(entry: number): number {
  return entry >> LISTENER_SHIFT
}

/** The entry that had this mark, as another descriptor. */
export function marked(fd: number, mark: number): number {
  return fd | ((mark & (2 ** MARK_BITS - 1)) << LISTENER_SHIFT)
}
