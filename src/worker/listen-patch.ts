import { Server } from 'node:net'

/** What Node's `listen` ends in, after it has read its arguments and resolved the host (lib/net.js; the same in 20 to 26). */
export type Bind = (
  host: string | null,
  port: number | null,
  family: number | null,
  backlog: number,
  fd: number | undefined,
  flags: number | undefined,
) => void

/** What Node keeps on a server beside its types. */
export type ListeningServer = Server & {
  _listen2: Bind
  /** Null while it does not listen. */
  _handle: unknown
  _pipeName?: string | undefined
}

export interface ListenEvents {
  /** `listen` was called. */
  readonly told: (server: ListeningServer) => void
  /** Its arguments are understood, and its host is resolved. */
  readonly binds: (server: ListeningServer, args: Parameters<Bind>) => void
}

/**
 * Stands in for `listen` of all of Node's servers in this thread: http, https, tls, http2 and net have it from one prototype. Returns
 * Node's own way to bind.
 */
export function patchListen({ told, binds }: ListenEvents): Bind {
  const prototype = Server.prototype as ListeningServer
  const { listen, _listen2: bind } = prototype
  prototype.listen = function (this: ListeningServer, ...args: unknown[]) {
    told(this)
    return Reflect.apply(listen, this, args)
  } as typeof prototype.listen
  prototype._listen2 = function (this: ListeningServer, ...args: Parameters<Bind>) {
    binds(this, args)
  }
  return bind
}
