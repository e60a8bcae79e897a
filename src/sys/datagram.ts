import { closeSync } from 'node:fs'
import { AF_UNIX, constants, SOCK_DGRAM } from './constants.js'
import { setCloseOnExec, setNonBlocking } from './descriptor.js'
import { check, declare } from './libc.js'
import { encodeAddress, type SocketAddress } from './sockaddr.js'

const socket = declare<[number, number, number]>('int socket(int domain, int type, int protocol)')
const sendto = declare<[number, Uint8Array, number, number, Uint8Array, number]>(
  'long sendto(int fd, void *bytes, size_t length, int flags, void *address, unsigned int size)',
)

/**
 * Sends one datagram to a unix socket, without waiting. (Node has datagrams for UDP only.)
 * @throws FT_ERR_SYSTEM, whose cause names the system's error: `EAGAIN` when the receiver's queue is full, `ECONNREFUSED` or
 *   `ENOENT` when nobody receives
 */
export function sendDatagram(
  address: SocketAddress & { family: 'unix' | 'abstract' },
  text: string,
): void {
  const fd = check(socket(AF_UNIX, SOCK_DGRAM, 0), 'socket', 'unix datagram')
  try {
    setCloseOnExec(fd)
    setNonBlocking(fd)
    const bytes = Buffer.from(text)
    const to = encodeAddress(address)
    const where = address.family === 'unix' ? address.path : `@${address.name}`
    check(sendto(fd, bytes, bytes.length, constants.MSG_NOSIGNAL, to, to.length), 'sendto', where)
  } finally {
    closeSync(fd)
  }
}
