/**
 * Numbers of the system's headers that Node does not export. They differ between systems; each table
 * gives its source.
 */
interface Constants {
  readonly AF_INET6: number
  readonly SOCK_NONBLOCK: number
  readonly SOCK_CLOEXEC: number
  readonly SOL_SOCKET: number
  readonly SO_REUSEADDR: number
  readonly SO_REUSEPORT: number
  readonly SO_TYPE: number
  readonly SO_ACCEPTCONN: number
  readonly IPV6_V6ONLY: number
  /** Linux only: a filter for what reaches a socket. */
  readonly SO_ATTACH_FILTER: number | undefined
  readonly MSG_NOSIGNAL: number
  /** Linux only: wake the accepting side when data arrives, not when the handshake ends. */
  readonly TCP_DEFER_ACCEPT: number | undefined
  /** Linux only: on a listener, `tcpi_unacked` is the length of the accept queue, `tcpi_sacked` its limit. */
  readonly TCP_INFO: number | undefined
  /** macOS and BSD: the first byte of a socket address is its length. */
  readonly addressHasLength: boolean
  /** Size of `sun_path`, with its closing zero. */
  readonly unixPathSize: number
}

/** include/uapi/asm-generic/socket.h, include/uapi/linux/{in6,tcp}.h */
const linux: Constants = {
  AF_INET6: 10,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_ATTACH_FILTER: 26,
  SO_REUSEPORT: 15,
  SO_TYPE: 3,
  SO_ACCEPTCONN: 30,
  IPV6_V6ONLY: 26,
  MSG_NOSIGNAL: 0x4000,
  TCP_DEFER_ACCEPT: 9,
  TCP_INFO: 11,
  addressHasLength: false,
  unixPathSize: 108,
}

/** bsd/sys/socket.h, bsd/netinet6/in6.h, bsd/sys/un.h of xnu; there is no accept4, so no flags for it. */
const darwin: Constants = {
  AF_INET6: 30,
  SOCK_NONBLOCK: 0,
  SOCK_CLOEXEC: 0,
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 4,
  SO_ATTACH_FILTER: undefined,
  SO_REUSEPORT: 0x200,
  SO_TYPE: 0x1008,
  SO_ACCEPTCONN: 2,
  IPV6_V6ONLY: 27,
  MSG_NOSIGNAL: 0x80000,
  TCP_DEFER_ACCEPT: undefined,
  TCP_INFO: undefined,
  addressHasLength: true,
  unixPathSize: 104,
}

export const constants: Constants = process.platform === 'darwin' ? darwin : linux

/** The same on every system that we run on. */
export const AF_UNIX = 1
export const AF_INET = 2
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const IPPROTO_TCP = 6
export const IPPROTO_IPV6 = 41
