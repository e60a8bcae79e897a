import type { Socket } from 'node:net'
import type { ClientAddress } from './proxy-header.js'

/** Where Node's sockets ask for their peer; it and what is built on it: a TLSSocket's handle passes the question on to that of its raw socket. */
interface PeerHandle {
  getpeername?: (out: object) => number
}

const given = new WeakSet<Socket>()

/**
 * From now on the peer of this connection is somebody else than the kernel says: `remoteAddress`, `remotePort` and `remoteFamily` of
 * the socket, and of a TLS or HTTP/2 connection above it, are the client's.
 */
export function setPeer(socket: Socket, { address, port, family }: ClientAddress): void {
  given.add(socket)
  const { _handle: handle } = socket as Socket & { readonly _handle?: PeerHandle | null }
  if (handle === undefined || handle === null) return
  handle.getpeername = (out) => {
    Object.assign(out, { address, family, port })
    // No error.
    return 0
  }
}

/** Another socket goes on with the connection. */
export function passPeerOn(from: Socket, to: Socket): void {
  const { remoteAddress: address, remotePort: port, remoteFamily } = from
  if (!given.has(from) || address === undefined || port === undefined) return
  setPeer(to, { address, port, family: remoteFamily === 'IPv6' ? 'IPv6' : 'IPv4' })
}

/** Whether the connection would lose its client's address if another socket were made of its descriptor. */
export function hasGivenPeer(socket: Socket): boolean {
  return given.has(socket)
}
