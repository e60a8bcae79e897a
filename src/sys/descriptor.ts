import { readdirSync } from 'node:fs'
import { check, declare, declareOptional } from './libc.js'

const fcntl = declare<[number, number, string, number]>('int fcntl(int fd, int command, ...)')
const pipe = declare<[Int32Array]>('int pipe(void *fds)')
const dup3 = declareOptional<[number, number, number]>('int dup3(int from, int to, int flags)')
const close = declare<[number]>('int close(int fd)')

const F_SETFD = 2
const F_DUPFD_CLOEXEC = process.platform === 'darwin' ? 67 : 1030
const F_GETFL = 3
const F_SETFL = 4
const FD_CLOEXEC = 1
const O_CLOEXEC = 0o2000000
const STANDARD_ERROR = 2
const O_NONBLOCK = process.platform === 'darwin' ? 0x4 : 0o4000

export function setNonBlocking(fd: number): void {
  const flags = check(fcntl(fd, F_GETFL, 'int', 0), 'fcntl', `descriptor ${fd}`)
  check(fcntl(fd, F_SETFL, 'int', flags | O_NONBLOCK), 'fcntl', `descriptor ${fd}`)
}

export function setCloseOnExec(fd: number): void {
  check(fcntl(fd, F_SETFD, 'int', FD_CLOEXEC), 'fcntl', `descriptor ${fd}`)
}

/** Another descriptor of the same open file, closed on exec; -1 if there is none to be had, with the reason in `errno()`. */
export function duplicate(fd: number): number {
  return fcntl(fd, F_DUPFD_CLOEXEC, 'int', 0)
}

/**
 * Linux: makes the descriptor `over` one of the open file of `fd`, closed on exec, in one step; what it meant before is
 * closed. False if that can't be.
 */
export function duplicateOver(fd: number, over: number): boolean {
  return dup3?.(fd, over, O_CLOEXEC) === over
}

/**
 * Keeps every descriptor that this process has now, beyond the standard streams, from programs that it starts without naming
 * the descriptor. Node marks its own, and of those that it has inherited the ones before the first gap
 * (`uv_disable_stdio_inheritance`); what a shell or a service manager has left open behind that would go on to everybody.
 */
export function closeAllOnExec(): void {
  // A listing holds the descriptor of the folder that was read, too, which is closed by now.
  for (const name of readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd'))
    if (Number(name) > STANDARD_ERROR) fcntl(Number(name), F_SETFD, 'int', FD_CLOEXEC)
}

/** A pipe, closed on exec on both ends. */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = new Int32Array(2)
  check(pipe(ends), 'pipe', 'wake descriptor')
  const [readEnd = -1, writeEnd = -1] = ends
  setCloseOnExec(readEnd)
  setCloseOnExec(writeEnd)
  return { readEnd, writeEnd }
}

/**
 * Closes a descriptor that Node knows nothing of. `fs.closeSync` would do for most, but it throws where
 * the peer has gone and would have to be caught on the way of every refused connection.
 */
export function closeDescriptor(fd: number): void {
  close(fd)
}
