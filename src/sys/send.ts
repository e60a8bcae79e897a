import { constants } from './constants.js'
import { declare } from './libc.js'

const send = declare<[number, Uint8Array, number, number]>(
  'long send(int fd, void *buffer, size_t length, int flags)',
)
const shutdown = declare<[number, number]>('int shutdown(int fd, int how)')

const SHUT_WR = 1

/** Sends what the kernel has room for, of a socket that nobody else writes to; to a peer that is gone, nothing. */
export function sendBytes(fd: number, bytes: Uint8Array): void {
  send(fd, bytes, bytes.length, constants.MSG_NOSIGNAL)
}

/** The peer sees the end behind what was sent. */
export function shutWriting(fd: number): void {
  shutdown(fd, SHUT_WR)
}
