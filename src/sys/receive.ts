import { declare } from './libc.js'

const recv = declare<[number, Uint8Array, number, number]>(
  'long recv(int fd, void *buffer, size_t length, int flags)',
)

const MSG_PEEK = 2
const MSG_DONTWAIT = process.platform === 'darwin' ? 0x80 : 0x40

/** What the next read of a connection would find: how many bytes are in `buffer` now; 0 at the end, -1 if there is nothing, or an error. */
export function peekBytes(fd: number, buffer: Uint8Array): number {
  return recv(fd, buffer, buffer.length, MSG_PEEK | MSG_DONTWAIT)
}

/** Takes as many bytes as `buffer` has room for, or fewer if there are no more. */
export function receiveBytes(fd: number, buffer: Uint8Array): number {
  return recv(fd, buffer, buffer.length, MSG_DONTWAIT)
}
