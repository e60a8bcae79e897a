import { constants as osConstants } from 'node:os'
import { AF_UNIX, constants } from './constants.js'
import { closeDescriptor } from './descriptor.js'
import { koffi } from './koffi.js'
import { check, declare, errno } from './libc.js'

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
const MSG_PEEK = 2
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x4000_0000
const FIONREAD = 0x541b

/** Each takes about 800 bytes of the kernel's memory. */
const USUAL_BUFFER_BYTES = 2 ** 18

/**
 * One message of two words and one descriptor, as 64-bit systems lay it out:
 *
 *     byte  0  struct msghdr      name, namelen, iov, iovlen, control, controllen, flags
 *          56  struct iovec       base, length
 *          72  the word, and the process that sent it
 *          80  struct cmsghdr     length, level, type; then the descriptor
 */
const IOVEC = 56
const WORD = 72
const SENDER = 76
const CONTENT_BYTES = 8
const CONTROL = 80
const CONTROL_BYTES = 24
const MESSAGE_BYTES = 104
const HEADER_AND_FD_BYTES = 20

/** A pair of connected sockets that carries descriptors between processes; what is sent into `sendEnd` comes out of `receiveEnd`. */
export function openDescriptorSockets(bufferBytes = USUAL_BUFFER_BYTES): {
  readonly sendEnd: number
  readonly receiveEnd: number
} {
  const ends = new Int32Array(2)
  const type = SOCK_SEQPACKET | constants.SOCK_CLOEXEC | constants.SOCK_NONBLOCK
  check(socketpair(AF_UNIX, type, 0, ends), 'socketpair', 'mailbox')
  const [sendEnd = -1, receiveEnd = -1] = ends
  const bytes = new Int32Array([bufferBytes])
  try {
    check(setsockopt(sendEnd, constants.SOL_SOCKET, SO_SNDBUF, bytes, 4), 'setsockopt', 'SO_SNDBUF')
  } catch (error) {
    closeDescriptor(sendEnd)
    closeDescriptor(receiveEnd)
    throw error
  }
  return { sendEnd, receiveEnd }
}

/** How many descriptors wait at a receiving end. */
export function countWaiting(receiveEnd: number): number {
  const bytes = new Int32Array(1)
  return ioctl(receiveEnd, FIONREAD, bytes) === 0 ? (bytes[0] ?? 0) / CONTENT_BYTES : 0
}

/** What came out of a descriptor socket. */
export interface Receipt {
  /** Non-blocking as it was sent, and closed on exec; -1 if there was none. */
  readonly fd: number
  readonly word: number
  /** One message less is there. */
  readonly isTaken: boolean
  /** Why there is no descriptor: EAGAIN if none was sent, EMFILE if this process has no number for one; else 0. */
  readonly reason: number
}

interface Message {
  readonly fd: number
  readonly word: number
  readonly sender: number
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
    view.setBigUint64(IOVEC, at + BigInt(WORD), true)
    view.setBigUint64(IOVEC + 8, BigInt(CONTENT_BYTES), true)
  }

  /**
   * Sends a descriptor, with a word of the caller's that no other message of this process under way has, and tells whether it is on its way; if not, `errno()` says why (EAGAIN:
   * full; ETOOMANYREFS: the user has too many under way). The caller's own descriptor stays open in any case.
   */
  send(sendEnd: number, fd: number, word: number): boolean {
    const view = this.#view
    view.setInt32(WORD, word, true)
    view.setInt32(SENDER, process.pid, true)
    view.setBigUint64(40, BigInt(CONTROL_BYTES), true)
    view.setBigUint64(CONTROL, BigInt(HEADER_AND_FD_BYTES), true)
    view.setInt32(CONTROL + 8, constants.SOL_SOCKET, true)
    view.setInt32(CONTROL + 12, SCM_RIGHTS, true)
    view.setInt32(CONTROL + 16, fd, true)
    return sendmsg(sendEnd, this.#message, MSG_DONTWAIT | MSG_NOSIGNAL) === CONTENT_BYTES
  }

  /**
   * Receives the oldest descriptor.
   *
   * Without a free number the kernel delivers a message without its descriptor (MSG_CTRUNC), which is then lost. No look
   * beforehand helps: other threads of the process open files meanwhile. So the message is first peeked at: that gives a
   * descriptor, too, or shows that none can be had while the message is still safe. Then it is taken, and if it
   * is the same message, its descriptor is here whether or not there was a number for a second one.
   *
   * If it is another message (another process took the first one in between), its own descriptor is the one that counts. It
   * could be missing only if, within the same microseconds, somebody in here has also used up the last number.
   *
   * With numbers in plenty (`isRoomy`) there is nothing to find out before.
   */
  receive(receiveEnd: number, isRoomy = false): Receipt {
    const { EMFILE } = osConstants.errno
    if (isRoomy) {
      const message = this.#receive(receiveEnd, 0)
      if (message === undefined) return { fd: -1, word: 0, isTaken: false, reason: errno() }
      const { fd, word } = message
      return { fd, word, isTaken: true, reason: fd < 0 ? EMFILE : 0 }
    }
    const seen = this.#receive(receiveEnd, MSG_PEEK)
    // The other ends are never all closed while this one is open, so an end of the stream can't come.
    if (seen === undefined) return { fd: -1, word: 0, isTaken: false, reason: errno() }
    if (seen.fd < 0) return { fd: -1, word: seen.word, isTaken: false, reason: EMFILE }
    const taken = this.#receive(receiveEnd, 0)
    if (taken === undefined) {
      const reason = errno()
      closeDescriptor(seen.fd)
      return { fd: -1, word: 0, isTaken: false, reason }
    }
    const isSame = taken.word === seen.word && taken.sender === seen.sender
    if (!isSame) closeDescriptor(seen.fd)
    else if (taken.fd >= 0) closeDescriptor(taken.fd)
    const fd = isSame ? seen.fd : taken.fd
    return { fd, word: taken.word, isTaken: true, reason: fd < 0 ? EMFILE : 0 }
  }

  #receive(receiveEnd: number, how: number): Message | undefined {
    const view = this.#view
    view.setBigUint64(40, BigInt(CONTROL_BYTES), true)
    view.setInt32(CONTROL + 16, -1, true)
    const flags = how | MSG_DONTWAIT | MSG_CMSG_CLOEXEC
    if (recvmsg(receiveEnd, this.#message, flags) !== CONTENT_BYTES) return undefined
    const hasFd = view.getBigUint64(40, true) >= BigInt(HEADER_AND_FD_BYTES)
    return {
      fd: hasFd ? view.getInt32(CONTROL + 16, true) : -1,
      word: view.getInt32(WORD, true),
      sender: view.getInt32(SENDER, true),
    }
  }
}
