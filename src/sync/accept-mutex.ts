import { type FileLock, Flock, OfdLock } from '../sys/file-lock.js'

/** The locks of one child, as descriptors of its own: each an open file description that no other child shares. */
export interface AcceptMutexTerms {
  readonly mechanism: 'flock' | 'fcntl'
  /** `flock` locks a whole file, so it needs one per permit; `fcntl` locks one byte per permit of the only one. */
  readonly files: readonly number[]
  readonly permits: number
  /** Where this child starts to look for a free permit: different for each, so that they don't all want the same. */
  readonly first: number
}

/**
 * The accept mutex: of all children, only its holder polls the listeners and accepts. In general a semaphore
 * of `permits`: so many children may at the same time.
 *
 * Each permit is a file lock, which the kernel frees when its holder ends in whatever way; waiters sleep in the
 * kernel. The lock belongs to an open file description, so each child opens the file for itself; an inherited
 * descriptor would be the parent's lock and exclude nobody. Between the threads of one child it excludes
 * nobody either: there `turn` does (see MutexMechanism).
 *
 * With several permits a child that finds none free waits for one of them; another may become free earlier. No
 * connection waits for that: as long as one permit is held its holder polls, and when it is given back
 * the one who waits for it wakes.
 */
export class AcceptMutex {
  readonly #permits: readonly FileLock[]
  readonly #first: number
  #held: FileLock | undefined

  constructor({ mechanism, files, permits, first }: AcceptMutexTerms) {
    this.#permits = Array.from({ length: permits }, (_, permit) =>
      mechanism === 'flock' ? new Flock(files[permit] ?? -1) : new OfdLock(files[0] ?? -1, permit),
    )
    this.#first = first % permits
  }

  /** Takes a permit, asleep in the kernel until there is one. Returns whether it had to wait. */
  acquire(): boolean {
    if (this.tryAcquire()) return false
    const permit = this.#permits[this.#first]
    permit?.lock()
    this.#held = permit
    return true
  }

  tryAcquire(): boolean {
    for (let step = 0; step < this.#permits.length; step++) {
      const permit = this.#permits[(this.#first + step) % this.#permits.length]
      if (permit?.tryLock()) {
        this.#held = permit
        return true
      }
    }
    return false
  }

  release(): void {
    this.#held?.unlock()
    this.#held = undefined
  }

  /** Gives back whatever a thread of this child held that has died. */
  releaseAll(): void {
    for (const permit of this.#permits) permit.unlock()
  }
}
