import { constants as osConstants } from 'node:os'
import { check, declare, errno, systemError } from './libc.js'

const flock = declare<[number, number]>('int flock(int fd, int operation)')
const fcntl = declare<[number, number, string, BigInt64Array]>(
  'int fcntl(int fd, int command, ...)',
)

const { EINTR, EWOULDBLOCK, EAGAIN, EACCES } = osConstants.errno

/**
 * An exclusive lock between processes. It belongs to an open file description: whoever shares that (a fork, another
 * thread) holds the same lock, and the kernel frees it when its last descriptor goes.
 *
 * Nothing but the lock ends the sleep in `lock` (a signal only restarts it), so a thread that sleeps there can't be
 * ended by `worker.terminate()` or `process.exit()`, only by `_exit`.
 */
export interface FileLock {
  tryLock(): boolean
  lock(): void
  /** Also when it is not held: that changes nothing. */
  unlock(): void
}

const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8

/** `flock(2)` on a whole file: on every Unix, and the same lock that the command `flock` takes. */
export class Flock implements FileLock {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  tryLock(): boolean {
    if (flock(this.#fd, LOCK_EX | LOCK_NB) === 0) return true
    const reason = errno()
    if (reason === EWOULDBLOCK || reason === EINTR) return false
    throw systemError('flock', `descriptor ${this.#fd}`)
  }

  lock(): void {
    while (flock(this.#fd, LOCK_EX) !== 0)
      if (errno() !== EINTR) throw systemError('flock', `descriptor ${this.#fd}`)
  }

  unlock(): void {
    check(flock(this.#fd, LOCK_UN), 'flock', `descriptor ${this.#fd}`)
  }
}

/** include/uapi/asm-generic/fcntl.h. Unlike POSIX record locks they belong to the open file description, not the process. */
const F_OFD_SETLK = 37
const F_OFD_SETLKW = 38
const F_WRLCK = 1
const F_UNLCK = 2

/** Linux only; elsewhere `fcntl` locks belong to the process and are lost when it closes any descriptor of the file. */
export const hasOfdLocks = process.platform === 'linux'

/** An open file description lock on one byte of a file. */
export class OfdLock implements FileLock {
  readonly #fd: number
  /** `struct flock`: type and whence (two shorts, then padding), start, length, pid. */
  readonly #lock: BigInt64Array
  readonly #unlock: BigInt64Array

  constructor(fd: number, byte: number) {
    this.#fd = fd
    this.#lock = new BigInt64Array([BigInt(F_WRLCK), BigInt(byte), 1n, 0n])
    this.#unlock = new BigInt64Array([BigInt(F_UNLCK), BigInt(byte), 1n, 0n])
  }

  tryLock(): boolean {
    if (fcntl(this.#fd, F_OFD_SETLK, 'void *', this.#lock) === 0) return true
    const reason = errno()
    if (reason === EAGAIN || reason === EACCES || reason === EINTR) return false
    throw systemError('fcntl', `descriptor ${this.#fd}`)
  }

  lock(): void {
    while (fcntl(this.#fd, F_OFD_SETLKW, 'void *', this.#lock) !== 0)
      if (errno() !== EINTR) throw systemError('fcntl', `descriptor ${this.#fd}`)
  }

  unlock(): void {
    check(fcntl(this.#fd, F_OFD_SETLK, 'void *', this.#unlock), 'fcntl', `descriptor ${this.#fd}`)
  }
}
