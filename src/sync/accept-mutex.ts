import { closeSync, openSync } from 'node:fs'
import { lockFile, tryLockFile, unlockFile } from '../sys/file-lock.js'

/**
 * The accept mutex: of all children, only its holder polls the listeners and accepts.
 *
 * An exclusive `flock` on a file that each child opens for itself. The lock belongs to the open file
 * description, so an inherited descriptor would be the parent's lock and exclude nobody. The kernel frees it
 * when the last descriptor of that description goes, that is, when its holder ends in whatever way;
 * waiters sleep in the kernel.
 */
export class AcceptMutex {
  readonly #fd: number

  /** Opens the lock file, closed on exec (as all that Node opens), so no grandchild keeps the lock alive. */
  constructor(path: string) {
    this.#fd = openSync(path, 'r+')
  }

  /** Takes the mutex, asleep in the kernel until it is free. Returns whether it had to wait. */
  acquire(): boolean {
    if (tryLockFile(this.#fd)) return false
    lockFile(this.#fd)
    return true
  }

  release(): void {
    unlockFile(this.#fd)
  }

  close(): void {
    closeSync(this.#fd)
  }
}
