import { lockFile, tryLockFile, unlockFile } from '../sys/file-lock.js'

/**
 * The accept mutex: of all children, only its holder polls the listeners and accepts.
 *
 * An exclusive `flock` on a file that each child opens for itself. The lock belongs to the open file
 * description, so an inherited descriptor would be the parent's lock and exclude nobody. The kernel frees it
 * when the last descriptor of that description goes, that is, when its holder ends in whatever way;
 * waiters sleep in the kernel. Between the threads of one child, which share the description, it excludes
 * nobody: there the acceptor word does (see `Acceptor`).
 */
export class AcceptMutex {
  readonly #fd: number

  /** `fd` is this child's own open file description of the lock file. */
  constructor(fd: number) {
    this.#fd = fd
  }

  /** Takes the mutex, asleep in the kernel until it is free. Returns whether it had to wait. */
  acquire(): boolean {
    if (tryLockFile(this.#fd)) return false
    lockFile(this.#fd)
    return true
  }

  tryAcquire(): boolean {
    return tryLockFile(this.#fd)
  }

  /** Also when it is not held: that changes nothing. */
  release(): void {
    unlockFile(this.#fd)
  }
}
