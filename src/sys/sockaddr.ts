import { AF_INET, AF_UNIX, constants } from './constants.js'
import { check, declare } from './libc.js'

/** Where a socket is bound: an IP address and port, a path, or (Linux) a name that is in no file system. */
export type SocketAddress =
  | { readonly family: 4 | 6; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'abstract'; readonly name: string }

const inet_pton = declare<[number, string, Uint8Array]>(
  'int inet_pton(int family, const char *text, void *binary)',
)
const inet_ntop = declare<[number, Uint8Array, Uint8Array, number], string | null>(
  'const char *inet_ntop(int family, void *binary, void *text, unsigned int size)',
)
const if_nametoindex = declare<[string]>('unsigned int if_nametoindex(const char *name)')

/** Room for any address: `struct sockaddr_storage`. */
export const MAX_ADDRESS_BYTES = 128

const IPV4_BYTES = 16
const IPV6_BYTES = 28
const UNIX_PATH_OFFSET = 2

/** `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/app.sock` or `unix:@app`. */
export function addressText(address: SocketAddress): string {
  switch (address.family) {
    case 'unix':
      return `unix:${address.path}`
    case 'abstract':
      // A name may hold zeros; they are shown like the first one, as ss(8) does.
      return `unix:@${address.name.replaceAll('\0', '@')}`
    case 4:
      return `${address.host}:${address.port}`
    case 6:
      return `[${address.host}]:${address.port}`
  }
}

/** Lays an address out as the kernel's `struct sockaddr_in`, `sockaddr_in6` or `sockaddr_un`. */
export function encodeAddress(address: SocketAddress): Uint8Array {
  if (address.family === 'unix') {
    const path = Buffer.from(address.path)
    // The kernel wants the closing zero counted for a path in the file system.
    const bytes = withFamily(AF_UNIX, UNIX_PATH_OFFSET + path.length + 1)
    bytes.set(path, UNIX_PATH_OFFSET)
    return bytes
  }
  if (address.family === 'abstract') {
    // A zero in front, and none behind: it would belong to the name (unix(7)).
    const name = Buffer.from(address.name)
    const bytes = withFamily(AF_UNIX, UNIX_PATH_OFFSET + 1 + name.length)
    bytes.set(name, UNIX_PATH_OFFSET + 1)
    return bytes
  }
  const family = address.family === 4 ? AF_INET : constants.AF_INET6
  const bytes = withFamily(family, address.family === 4 ? IPV4_BYTES : IPV6_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint16(2, address.port)
  const [host = '', scope] = address.host.split('%', 2)
  const binary = new Uint8Array(16)
  check(inet_pton(family, host, binary) === 1 ? 0 : -1, 'inet_pton', address.host)
  if (address.family === 4) bytes.set(binary.subarray(0, 4), 4)
  else {
    bytes.set(binary, 8)
    // sin6_scope_id is in the machine's own byte order, unlike port and address.
    if (scope !== undefined) new Uint32Array(bytes.buffer)[6] = if_nametoindex(scope)
  }
  return bytes
}

/** Reads what `getsockname` wrote; `undefined` for a family that is none of ours. */
export function decodeAddress(bytes: Uint8Array, length: number): SocketAddress | undefined {
  const family = constants.addressHasLength ? bytes[1] : bytes[0]
  if (family === AF_UNIX) {
    const path = Buffer.from(bytes.subarray(UNIX_PATH_OFFSET, length)).toString()
    if (process.platform === 'linux' && path.startsWith('\0'))
      return { family: 'abstract', name: path.slice(1) }
    return { family: 'unix', path: path.replace(/\0+$/, '') }
  }
  if (family !== AF_INET && family !== constants.AF_INET6) return undefined
  const port = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  const isV4 = family === AF_INET
  const binary = isV4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24)
  const text = new Uint8Array(64)
  const host = inet_ntop(isV4 ? AF_INET : constants.AF_INET6, binary, text, text.length)
  return { family: isV4 ? 4 : 6, host: host ?? '', port }
}

function withFamily(family: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  if (constants.addressHasLength) {
    bytes[0] = length
    bytes[1] = family
  } else {
    bytes[0] = family
  }
  return bytes
}
