import koffi from 'koffi'
import { AF_UNIX, constants } from './constants.js'
import { closeDescriptor, duplicate } from './descriptor.js'
import { check, declare } from './libc.js'

const socketpair = declare<[number, number, number, Int32Array]>(
  'int socketpair(int domain, int type, int protocol, void *fds)',
)
const setsockopt = declare<[number, number, number, Int32Array, number]>(
  'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
)
const sendmsg = declare<[number, unknown, number]>('long sendmsg(int fd, void *message, int flags)')
const recvmsg = declare<[number, unknown, number]>('long recvmsg(int fd, void *message, int flags)')
const ioctl = declare<[number, number, Int32Array]>(
  'int ioctl(int fd, unsigned long request, void *value)',
)

/** include/uapi/linux/{socket,net}.h, asm-generic/{socket,sockios}.h; parking is for Linux only. */
const SOCK_SEQPACKET = 5
const SO_SNDBUF = 7
const SCM_RIGHTS = 1
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x4000_0000
const FIONREAD = 0x541b

/** The kernel caps it (`wmem_max`); by default there is room for some hundred descriptors. */
const SEND_BUFFER_BYTES = 2 ** 22

/**
 * One message of one byte and one descriptor, as 64-bit systems lay it out:
 *
 *     byte  0  struct msghdr      name, namelen, iov, iovlen, control, controllen, flags
 *          56  struct iovec       base, length
 *          72  the byte
 *          80  struct cmsghdr     length, level, type; then the descriptor
 */
const IOVEC = 56
const BYTE = 72
const CONTROL = 80
const CONTROL_BYTES = 24
const MESSAGE_BYTES = 104
const HEADER_AND_FD_BYTES = 20

/** A pair of connected sockets that carries descriptors between processes; what is sent into `sendEnd` comes out of `receiveEnd`. */
export function openDescriptorSockets(): { readonly sendEnd: number; readonly receiveEnd: number } {
  const ends = new Int32Array(2)
  const type = SOCK_SEQPACKET | constants.SOCK_CLOEXEC | constants.SOCK_NONBLOCK
  check(socketpair(AF_UNIX, type, 0, ends), 'socketpair', 'mailbox')
  const [sendEnd = -1, receiveEnd = -1] = ends
  const bytes = new Int32Array([SEND_BUFFER_BYTES])
  check(setsockopt(sendEnd, constants.SOL_SOCKET, SO_SNDBUF, bytes, 4), 'setsockopt', 'SO_SNDBUF')
  return { sendEnd, receiveEnd }
}

/** How many descriptors wait at a receiving end: each message has one byte. */
export function countWaiting(receiveEnd: number): number {
  const bytes = new Int32Array(1)
  return ioctl(receiveEnd, FIONREAD, bytes) === 0 ? (bytes[0] ?? 0) : 0
}

/** What came out of a descriptor socket. */
export interface Received {
  /** Non-blocking as it was sent, and closed on exec; -1 if there was none. */
  readonly fd: number
  readonly mark: number
}

/** Sends and receives descriptors without waiting. Not shared between threads. */
export class DescriptorSocket {
  readonly #message: unknown = koffi.alloc('uint8_t', MESSAGE_BYTES)
  readonly #view = new DataView(koffi.view(this.#message, MESSAGE_BYTES))

  constructor() {
    const at = koffi.address(this.#message)
    const view = this.#view
    view.setBigUint64(16, at + BigInt(IOVEC), true)
    view.setBigUint64(24, 1n, true)
    view.setBigUint64(32, at + BigInt(CONTROL), true)
    view.setBigUint64(IOVEC, at + BigInt(BYTE), true)
    view.setBigUint64(IOVEC + 8, 1n, true)
  }

  /**
   * Sends a descriptor, with a byte of the caller's, and tells whether it is on its way; if not, `errno()` says why (EAGAIN:
   * full; ETOOMANYREFS: the user has too many under way). The caller's own descriptor stays open in any case.
   */
  send(sendEnd: number, fd: number, mark: number): boolean {
    const view = this.#view
    view.setUint8(BYTE, mark)
    view.setBigUint64(40, BigInt(CONTROL_BYTES), true)
    view.setBigUint64(CONTROL, BigInt(HEADER_AND_FD_BYTES), true)
    view.setInt32(CONTROL + 8, constants.SOL_SOCKET, true)
    view.setInt32(CONTROL + 12, SCM_RIGHTS, true)
    view.setInt32(CONTROL + 16, fd, true)
    return sendmsg(sendEnd, this.#message, MSG_DONTWAIT | MSG_NOSIGNAL) === 1
  }

  /**
   * Receives the oldest descriptor; undefined if there is none, with the reason in `errno()`.
   *
   * A process without a free descriptor would lose it: the kernel delivers the message without. So it is first tried
   * whether one can be had. (Another thread may snatch it in between; then `fd` is -1.)
   */
  receive(receiveEnd: number): Received | undefined {
    const probe = duplicate(receiveEnd)
    if (probe < 0) return undefined
    closeDescriptor(probe)
    const view = this.#view
    view.setBigUint64(40, BigInt(CONTROL_BYTES), true)
    view.setInt32(CONTROL + 16, -1, true)
    if (recvmsg(receiveEnd, this.#message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !== 1) {
      // The other ends are never all closed while this one is open, so 0 can't come.
      return undefined
    }
    const hasFd = view.getBigUint64(40, true) >= BigInt(HEADER_AND_FD_BYTES)
    return { fd: hasFd ? view.getInt32(CONTROL + 16, true) : -1, mark: view.getUint8(BYTE) }
  }
}
