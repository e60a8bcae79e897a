import { closeSync, lstatSync, type Stats, statSync, unlinkSync } from 'node:fs'
import type { Address } from '../address.js'
import { fail } from '../errors.js'
import type { HandlerKind } from '../messages.js'
import { systemErrorName } from '../sys/libc.js'
import type { SocketAddress } from '../sys/sockaddr.js'
import { acceptQueue, boundAddress, deferAccept, openListener } from '../sys/socket.js'
import { resolveHost } from './resolve-host.js'
import { claimUnixPath } from './unix-path.js'

/** A client that stays silent for longer is handed to a thread all the same. */
const DEFER_ACCEPT_SECONDS = 1

export interface ListenerOptions {
  readonly backlog: number
  readonly ipv6Only: boolean
}

/** A bound, listening socket of the parent, which never accepts from it. */
export class Listener {
  readonly fd: number
  readonly #address: SocketAddress
  readonly #limit: number
  /** Of a unix path: which file is ours to remove. */
  readonly #file: Stats | undefined

  private constructor(fd: number, backlog: number) {
    this.fd = fd
    this.#limit = backlog
    this.#address = boundAddress(fd)
    this.#file = this.#address.family === 'unix' ? statSync(this.#address.path) : undefined
  }

  /**
   * Binds and listens.
   * @throws FT_ERR_ADDRESS_IN_USE, FT_ERR_ADDRESS_DENIED, FT_ERR_ADDRESS_NOT_LOCAL, FT_ERR_HOST_NOT_FOUND,
   *   FT_ERR_SOCKET_PATH, or FT_ERR_SYSTEM for what the system says beside those; nothing stays bound then
   */
  static async open(address: Address, options: ListenerOptions): Promise<Listener> {
    try {
      if (address.kind === 'unix') {
        const fd = await claimUnixPath(address.path, () =>
          openListener({ family: 'unix', path: address.path }, options),
        )
        return new Listener(fd, options.backlog)
      }
      return new Listener(await openTcp(address.host, address.port, options), options.backlog)
    } catch (error) {
      throw explain(error, nameOf(address))
    }
  }

  /** `http://127.0.0.1:8080`, `tcp://[::1]:9000` or `unix:/run/app.sock`. */
  name(kind: HandlerKind): string {
    if (this.#address.family === 'unix') return `unix:${this.#address.path}`
    const { family, host, port } = this.#address
    return `${kind === 'http' ? 'http' : 'tcp'}://${family === 6 ? `[${host}]` : host}:${port}`
  }

  /** Has the kernel keep connections until their first bytes are there. Only where the client speaks first. */
  deferAccept(): void {
    if (this.#address.family !== 'unix') deferAccept(this.fd, DEFER_ACCEPT_SECONDS)
  }

  /** Connections that wait to be accepted, as far as the system tells. */
  get backlog(): { length: number; limit: number } {
    const queue = this.#address.family === 'unix' ? undefined : acceptQueue(this.fd)
    return queue ?? { length: 0, limit: this.#limit }
  }

  /** Closes this process's descriptor and removes the unix path, if that is still the one made here. */
  close(): void {
    closeSync(this.fd)
    this.removePath()
  }

  /** For a listener whose descriptor somebody else has closed. */
  removePath(): void {
    if (this.#address.family !== 'unix' || this.#file === undefined) return
    const found = lstatSync(this.#address.path, { throwIfNoEntry: false })
    if (found?.ino === this.#file.ino && found.dev === this.#file.dev)
      unlinkSync(this.#address.path)
  }
}

async function openTcp(
  host: string | undefined,
  port: number,
  options: ListenerOptions,
): Promise<number> {
  if (host !== undefined) {
    const { family, address } = await resolveHost(host)
    return openListener({ family, host: address, port }, options)
  }
  try {
    return openListener({ family: 6, host: '::', port }, options)
  } catch (error) {
    // A machine without IPv6.
    const name = systemErrorName(error)
    if (name !== 'EAFNOSUPPORT' && name !== 'EADDRNOTAVAIL') throw error
    return openListener({ family: 4, host: '0.0.0.0', port }, options)
  }
}

function nameOf(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  if (address.host === undefined) return `port ${address.port}`
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

function explain(error: unknown, name: string): unknown {
  switch (systemErrorName(error)) {
    case 'EADDRINUSE':
      return fail('FT_ERR_ADDRESS_IN_USE', [name], error)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return fail('FT_ERR_ADDRESS_DENIED', [name], error)
    case 'EADDRNOTAVAIL':
      return fail('FT_ERR_ADDRESS_NOT_LOCAL', [name], error)
    default:
      return error
  }
}
