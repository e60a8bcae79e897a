/**
 * What goes from hand to hand and through the fd queue: a descriptor, with a mark if it was parked, since then its
 * connection is not a new one and its next request is there already.
 */
const RESUMED = 2 ** 29

export function resumed(fd: number): number {
  return fd | RESUMED
}

export function isResumed(entry: number): boolean {
  return (entry & RESUMED) !== 0
}

export function descriptorOf(entry: number): number {
  return entry & ~RESUMED
}
