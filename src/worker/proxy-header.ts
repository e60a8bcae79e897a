import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/**
 * The PROXY protocol, versions 1 and 2: what a proxy sends in front of everything else, once per connection
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
 */
export type ProxyHeader =
  /** So far it is the beginning of one. */
  | { readonly state: 'incomplete' }
  /** It is none, or not a right one, or a longer one than is allowed. */
  | { readonly state: 'wrong' }
  | {
      readonly state: 'complete'
      /** Its bytes; what follows is the client's. */
      readonly length: number
      /** Without one the connection is the proxy's own, or the proxy does not know: then the socket's peer is as good as it gets. */
      readonly client?: ClientAddress
    }

export interface ClientAddress {
  readonly address: string
  readonly port: number
  readonly family: 'IPv4' | 'IPv6'
}

/** Without this bound a peer that never ends its line would fill the memory. */
const LONGEST_V1 = 107
/** Addresses take 216 bytes at most; the rest is for certificates' names, ids of cloud networks and the like. nginx has this bound, too. */
export const LONGEST_HEADER = 4096

const V1_START = Buffer.from('PROXY ')
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED = 16
const CR = 13
const LF = 10

const incomplete: ProxyHeader = { state: 'incomplete' }
const wrong: ProxyHeader = { state: 'wrong' }

/** Reads the header at the beginning of what has come so far. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (beginsLike(bytes, V2_SIGNATURE))
    return bytes.length < V2_FIXED ? partOfV2(bytes) : parseV2(bytes)
  if (beginsLike(bytes, V1_START)) return parseV1(bytes)
  return wrong
}

/** As far as both go. */
function beginsLike(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length)
  for (let index = 0; index < length; index++) if (bytes[index] !== start[index]) return false
  return true
}

function parseV1(bytes: Uint8Array): ProxyHeader {
  const end = bytes.subarray(0, LONGEST_V1).indexOf(LF)
  if (end < 0) return bytes.length >= LONGEST_V1 ? wrong : incomplete
  if (bytes[end - 1] !== CR) return wrong
  const length = end + 1
  const words = Buffer.from(bytes.subarray(0, end - 1))
    .toString('latin1')
    .split(' ')
  const [, protocol] = words
  // What stands behind UNKNOWN is to be ignored.
  if (protocol === 'UNKNOWN') return { state: 'complete', length }
  const family = protocol === 'TCP4' ? 'IPv4' : protocol === 'TCP6' ? 'IPv6' : undefined
  const [, , source = '', destination = '', sourcePort = '', destinationPort = ''] = words
  if (family === undefined || words.length !== 6) return wrong
  if (!isAddress(family, source) || !isAddress(family, destination)) return wrong
  if (!isPort(sourcePort) || !isPort(destinationPort)) return wrong
  const client = { address: canonical(family, source), port: Number(sourcePort), family } as const
  return { state: 'complete', length, client }
}

function isAddress(family: ClientAddress['family'], text: string): boolean {
  // A scope is of this machine only; no client has one.
  return family === 'IPv4' ? isIPv4(text) : isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

/** As Node writes addresses of its sockets. */
function canonical(family: ClientAddress['family'], address: string): string {
  return family === 'IPv4' ? address : new SocketAddress({ address, family: 'ipv6' }).address
}

/** Of a longer one that is wrong more need not be waited for. */
function partOfV2(bytes: Uint8Array): ProxyHeader {
  const command = bytes[V2_SIGNATURE.length]
  return command === undefined || command === LOCAL || command === PROXY ? incomplete : wrong
}

/** The version (2) in the upper four bits, the command in the lower ones. */
const LOCAL = 0x20
const PROXY = 0x21

const FAMILIES = { unspecified: 0, ipv4: 1, ipv6: 2, unix: 3 } as const
const MOST_TRANSPORT = 2
const STREAM = 1

/** What the addresses of a family take: two addresses, and two ports unless they are paths. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216]

function parseV2(bytes: Uint8Array): ProxyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const command = view.getUint8(12)
  const family = view.getUint8(13) >> 4
  const transport = view.getUint8(13) & 15
  const length = V2_FIXED + view.getUint16(14)
  if (length > LONGEST_HEADER) return wrong
  if (command === LOCAL) return bytes.length < length ? incomplete : { state: 'complete', length }
  const least = ADDRESS_BYTES[family]
  // What is reserved must be refused, by the specification.
  if (command !== PROXY || least === undefined || transport > MOST_TRANSPORT) return wrong
  if (length - V2_FIXED < least) return wrong
  if (bytes.length < length) return incomplete
  const isInternet = family === FAMILIES.ipv4 || family === FAMILIES.ipv6
  if (!isInternet || transport !== STREAM) return { state: 'complete', length }
  const client = family === FAMILIES.ipv4 ? readIpv4(view) : readIpv6(view)
  return { state: 'complete', length, client }
}

function readIpv4(view: DataView): ClientAddress {
  const parts = [0, 1, 2, 3].map((index) => view.getUint8(V2_FIXED + index))
  return { address: parts.join('.'), port: view.getUint16(V2_FIXED + 8), family: 'IPv4' }
}

function readIpv6(view: DataView): ClientAddress {
  const parts = Array.from({ length: 8 }, (_, index) =>
    view.getUint16(V2_FIXED + index * 2).toString(16),
  )
  const address = canonical('IPv6', parts.join(':'))
  return { address, port: view.getUint16(V2_FIXED + 32), family: 'IPv6' }
}
