import { closeSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { AF_INET, AF_UNIX, constants, IPPROTO_IPV6, IPPROTO_TCP, SOCK_STREAM } from './constants.js'
import { setCloseOnExec, setNonBlocking } from './descriptor.js'
import { check, declare, declareOptional, errno } from './libc.js'
import {
  addressText,
  decodeAddress,
  encodeAddress,
  MAX_ADDRESS_BYTES,
  type SocketAddress,
} from './sockaddr.js'

const socket = declare<[number, number, number]>('int socket(int domain, int type, int protocol)')
const bind = declare<[number, Uint8Array, number]>(
  'int bind(int fd, void *address, unsigned int length)',
)
const listen = declare<[number, number]>('int listen(int fd, int backlog)')
const connect = declare<[number, Uint8Array, number]>(
  'int connect(int fd, void *address, unsigned int length)',
)
const setsockopt = declare<[number, number, number, Int32Array, number]>(
  'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
)
const getsockopt = declare<[number, number, number, Uint8Array, Uint32Array]>(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
)
const getsockname = declare<[number, Uint8Array, Uint32Array]>(
  'int getsockname(int fd, void *address, void *length)',
)
const recv = declare<[number, Uint8Array, number, number]>(
  'long recv(int fd, void *buffer, size_t length, int flags)',
)
const accept4 = declareOptional<[number, null, null, number]>(
  'int accept4(int fd, void *address, void *length, int flags)',
)
const accept = declare<[number, null, null]>('int accept(int fd, void *address, void *length)')

const ACCEPT_FLAGS = constants.SOCK_NONBLOCK | constants.SOCK_CLOEXEC

const domains: Readonly<Record<SocketAddress['family'], number>> = {
  4: AF_INET,
  6: constants.AF_INET6,
  unix: AF_UNIX,
  abstract: AF_UNIX,
}

/** A new stream socket, non-blocking and closed on exec. */
export function openStreamSocket(family: SocketAddress['family']): number {
  const domain = domains[family]
  const fd = check(socket(domain, SOCK_STREAM | ACCEPT_FLAGS, 0), 'socket', `family ${family}`)
  if (ACCEPT_FLAGS === 0) {
    setNonBlocking(fd)
    setCloseOnExec(fd)
  }
  return fd
}

export interface ListenOptions {
  /** Length of the kernel's queue of connections not yet accepted; the kernel caps it at `somaxconn`. */
  readonly backlog: number
  /** IPv6 only: leave IPv4 out. */
  readonly ipv6Only: boolean
  /** Other sockets of the same user may be bound to the same port; the kernel spreads connections over all of them. */
  readonly reusePort: boolean
}

/**
 * Binds a stream socket and makes it listen; `onBound` runs between the two, while nobody can connect yet. Throws
 * FT_ERR_SYSTEM, whose cause names the system's error (`EADDRINUSE`, `EACCES`, …), or what `onBound` threw; nothing stays
 * open then.
 */
export function openListener(
  address: SocketAddress,
  options: ListenOptions,
  onBound: () => void = () => undefined,
): number {
  const fd = openStreamSocket(address.family)
  try {
    if (address.family === 4 || address.family === 6) {
      setOption(fd, constants.SOL_SOCKET, constants.SO_REUSEADDR, 1, 'SO_REUSEADDR')
      if (options.reusePort)
        setOption(fd, constants.SOL_SOCKET, constants.SO_REUSEPORT, 1, 'SO_REUSEPORT')
    }
    if (address.family === 6)
      setOption(fd, IPPROTO_IPV6, constants.IPV6_V6ONLY, options.ipv6Only ? 1 : 0, 'IPV6_V6ONLY')
    const bytes = encodeAddress(address)
    const context = addressText(address)
    check(bind(fd, bytes, bytes.length), 'bind', context)
    onBound()
    check(listen(fd, options.backlog), 'listen', context)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Changes the length of the kernel's queue of a socket that listens already; what waits in it stays. */
export function changeBacklog(fd: number, backlog: number): void {
  check(listen(fd, backlog), 'listen', `descriptor ${fd}`)
}

/**
 * What a descriptor is to a server: `undefined` for a listening stream socket, else what is wrong with it, in words
 * that go on from "descriptor 3: ".
 */
export function whyNotListening(fd: number): string | undefined {
  const type = integerOption(fd, constants.SO_TYPE)
  if (type === undefined)
    return errno() === osConstants.errno.ENOTSOCK ? 'it is not a socket' : 'it is not open'
  if (type !== SOCK_STREAM) return 'it is not a stream socket'
  if (integerOption(fd, constants.SO_ACCEPTCONN) === 0) return 'it does not listen'
  return undefined
}

/**
 * Where the socket is bound in fact: the port that the kernel chose for port 0. `undefined` for a socket that is neither
 * of the internet nor of this machine (vsock, Bluetooth).
 */
export function boundAddress(fd: number): SocketAddress | undefined {
  const bytes = new Uint8Array(MAX_ADDRESS_BYTES)
  const length = new Uint32Array([bytes.length])
  check(getsockname(fd, bytes, length), 'getsockname', `descriptor ${fd}`)
  return decodeAddress(bytes, length[0] ?? 0)
}

/** Tries to connect without waiting: 0, or the error number. */
export function tryConnect(fd: number, address: SocketAddress): number {
  const bytes = encodeAddress(address)
  return connect(fd, bytes, bytes.length) === 0 ? 0 : errno()
}

/**
 * Linux: the listener becomes ready when a connection's first bytes are there, so a thread that takes it
 * can read at once. A silent client is handed over after about `seconds` all the same. Elsewhere nothing.
 */
export function deferAccept(fd: number, seconds: number): void {
  if (constants.TCP_DEFER_ACCEPT === undefined) return
  setOption(fd, IPPROTO_TCP, constants.TCP_DEFER_ACCEPT, seconds, 'TCP_DEFER_ACCEPT')
}

/** How many connections wait in the accept queue, and how many may; `undefined` where the system can't tell. */
export function acceptQueue(fd: number): { length: number; limit: number } | undefined {
  if (constants.TCP_INFO === undefined) return undefined
  const info = new Uint8Array(104)
  const length = new Uint32Array([info.length])
  if (getsockopt(fd, IPPROTO_TCP, constants.TCP_INFO, info, length) !== 0) return undefined
  const words = new Uint32Array(info.buffer)
  // struct tcp_info: eight bytes of small fields, then rto, ato, snd_mss, rcv_mss, unacked, sacked.
  return { length: words[6] ?? 0, limit: words[7] ?? 0 }
}

/**
 * Takes one connection without waiting: a non-blocking descriptor that is closed on exec, or -1 with the
 * reason in `errno()`.
 */
export function acceptConnection(listener: number): number {
  if (accept4 !== undefined) return accept4(listener, null, null, ACCEPT_FLAGS)
  const fd = accept(listener, null, null)
  if (fd >= 0) {
    setNonBlocking(fd)
    setCloseOnExec(fd)
  }
  return fd
}

/** What the next read of a connection would find, without reading it. */
export function peekConnection(fd: number): 'nothing' | 'bytes' | 'end' {
  const count = recv(fd, oneByte, 1, MSG_PEEK | MSG_DONTWAIT)
  if (count > 0) return 'bytes'
  return count < 0 && errno() === osConstants.errno.EAGAIN ? 'nothing' : 'end'
}

const oneByte = new Uint8Array(1)
const MSG_PEEK = 2
const MSG_DONTWAIT = process.platform === 'darwin' ? 0x80 : 0x40

function setOption(fd: number, level: number, name: number, value: number, label: string): void {
  check(setsockopt(fd, level, name, new Int32Array([value]), 4), 'setsockopt', label)
}

/** Of the level SOL_SOCKET; `undefined` with the reason in `errno()`. */
function integerOption(fd: number, name: number): number | undefined {
  const value = new Uint8Array(4)
  const length = new Uint32Array([value.length])
  if (getsockopt(fd, constants.SOL_SOCKET, name, value, length) !== 0) return undefined
  return new Int32Array(value.buffer)[0]
}
