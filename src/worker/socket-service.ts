import type { Server, Socket } from 'node:net'
import {
  blocksConnection,
  countAccepted,
  dropsConnection,
  publishAccepted,
} from './accepted-socket.js'
import type { ThreadTerms } from './connections.js'
import { isTlsServer } from './is-tls-server.js'
import { RawConnections } from './raw-connections.js'
import type { ServedSocket } from './served-socket.js'
import type { Service } from './service.js'

/** Raw connections for a `net` or `tls` server, such as an app has made. */
export function socketService(server: Server, terms: ThreadTerms): Service {
  // With TLS: those whose handshake is not done.
  const unfinished = new Set<Socket>()
  const isTls = isTlsServer(server)
  if (isTls) watchHandshakes(server, (socket) => unfinished.delete(socket))
  return new RawConnections(terms, {
    settings: server as object,
    events: {
      closed: (socket) => unfinished.delete(socket),
      refuses: (socket) => dropsConnection(server, socket),
      blocks: (socket) => blocksConnection(server, socket),
    },
    begin: (socket) => {
      countAccepted(server, socket)
      if (isTls) unfinished.add(socket)
      server.emit('connection', socket)
      publishAccepted(socket)
    },
    // One without a handshake is no connection yet.
    leave: () => {
      for (const socket of unfinished) socket.destroy()
    },
  })
}

function watchHandshakes(server: Server, done: (socket: Socket) => void): void {
  const { emit } = server
  server.emit = function (this: Server, name: string, ...args: unknown[]): boolean {
    if (name === 'secureConnection') {
      const { _parent: below } = args[0] as ServedSocket
      if (below) done(below)
    }
    return Reflect.apply(emit, this, [name, ...args])
  } as Server['emit']
}
