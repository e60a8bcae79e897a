import { constants as osConstants } from 'node:os'
import { check, declare, errno } from './libc.js'

const flock = declare<[number, number]>('int flock(int fd, int operation)')

const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8

/**
 * Takes an exclusive `flock` on the open file description of `fd`, sleeping in the kernel until it is
 * free. Nothing but the lock ends the sleep (a signal only restarts it), so a thread that calls this
 * can't be ended by `worker.terminate()` or `process.exit()`, only by `_exit`.
 */
export function lockFile(fd: number): void {
  while (flock(fd, LOCK_EX) !== 0) {
    if (errno() !== osConstants.errno.EINTR) check(-1, 'flock', `descriptor ${fd}`)
  }
}

/** Takes the lock if it is free now. */
export function tryLockFile(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true
  const reason = errno()
  if (reason === osConstants.errno.EWOULDBLOCK || reason === osConstants.errno.EINTR) return false
  check(-1, 'flock', `descriptor ${fd}`)
  return false
}

export function unlockFile(fd: number): void {
  check(flock(fd, LOCK_UN), 'flock', `descriptor ${fd}`)
}
