import { channel } from 'node:diagnostics_channel'
import { type BlockList, isIP, type Server, type Socket } from 'node:net'

/** What Node's accept keeps on a server and its sockets beside the types (lib/net.js, onconnection; the same in 20 to 26). */
interface CountingServer {
  _connections?: number
  maxConnections?: number | null
  /** From 22.13 on. */
  blockList?: BlockList | undefined
}

interface AcceptedSocket {
  server?: Server
  _server?: Server
}

const socketChannel = channel('net.server.socket')

/** The server counts the connection as one that it has accepted: `getConnections`, and a `close()` that waits for it. */
export function countAccepted(server: Server, socket: Socket): void {
  const counting = server as CountingServer
  counting._connections = (counting._connections ?? 0) + 1
  const accepted = socket as AcceptedSocket
  accepted.server = server
  // By this one the socket tells its end.
  accepted._server = server
}

/** To be called after the server has been told, as Node does it. */
export function publishAccepted(socket: Socket): void {
  if (socketChannel.hasSubscribers) socketChannel.publish({ socket })
}

/** Whether the server takes no more (`maxConnections`, which the app may set at any time); it is told then. */
export function dropsConnection(server: Server, socket: Socket): boolean {
  const { maxConnections, _connections = 0 } = server as CountingServer
  if (!maxConnections || _connections < maxConnections) return false
  const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket
  const here = { localAddress, localPort, localFamily }
  server.emit('drop', { ...here, remoteAddress, remotePort, remoteFamily })
  return true
}

/** Whether the server lets nobody in from there; behind a proxy that says so, the client's address counts. */
export function blocksConnection(server: Server, socket: Socket): boolean {
  const { blockList } = server as CountingServer
  if (blockList === undefined) return false
  const { remoteAddress = '' } = socket
  const version = isIP(remoteAddress)
  return version !== 0 && blockList.check(remoteAddress, `ipv${version as 4 | 6}`)
}
