import { closeSync, lstatSync, type Stats, unlinkSync } from 'node:fs'
import type { Address } from '../address.js'
import { fail } from '../errors.js'
import type { HandlerKind } from '../messages.js'
import { setCloseOnExec, setNonBlocking } from '../sys/descriptor.js'
import { systemErrorName } from '../sys/libc.js'
import { addressText, type SocketAddress } from '../sys/sockaddr.js'
import {
  acceptQueue,
  boundAddress,
  changeBacklog,
  deferAccept,
  openListener,
  whyNotListening,
} from '../sys/socket.js'
import { resolveHost } from './resolve-host.js'
import { claimUnixPath } from './unix-path.js'

/** A client that stays silent for longer is handed to a thread all the same. */
const DEFER_ACCEPT_SECONDS = 1

export interface ListenerOptions {
  readonly backlog: number
  readonly ipv6Only: boolean
}

export interface AdoptOptions {
  /** How the user calls it, for errors: `fd:3`, `systemd`. */
  readonly origin: string
  /** Without it, the queue stays as long as whoever made the socket has made it. */
  readonly backlog?: number
  /** A unix path is removed when the listener closes. Only for who took it over from the pool that made it. */
  readonly ownsPath: boolean
}

/** A bound, listening socket of the parent, which never accepts from it. */
export class Listener {
  readonly fd: number
  readonly #address: SocketAddress
  readonly #limit: number
  /** Of a unix path: which file is ours to remove. */
  #file: Stats | undefined

  private constructor(
    fd: number,
    address: SocketAddress,
    limit: number | undefined,
    ownsPath: boolean,
  ) {
    this.fd = fd
    this.#address = address
    this.#limit = limit ?? 0
    if (ownsPath && address.family === 'unix')
      this.#file = lstatSync(address.path, { throwIfNoEntry: false })
  }

  /**
   * Takes over a socket of this process that listens already. It becomes non-blocking, for everybody who shares it, and
   * closed on exec; `close()` closes it.
   * @throws FT_ERR_ADDRESS_INHERITED for a descriptor that is no such socket; it stays as it was then
   */
  static adopt(fd: number, { origin, backlog, ownsPath }: AdoptOptions): Listener {
    const why = whyNotListening(fd)
    if (why !== undefined)
      throw fail('FT_ERR_ADDRESS_INHERITED', [origin, `descriptor ${fd}: ${why}`])
    const address = boundAddress(fd)
    if (address === undefined) {
      const foreign = `descriptor ${fd}: it is neither of TCP nor a unix socket`
      throw fail('FT_ERR_ADDRESS_INHERITED', [origin, foreign])
    }
    setCloseOnExec(fd)
    setNonBlocking(fd)
    if (backlog !== undefined) changeBacklog(fd, backlog)
    return new Listener(fd, address, backlog, ownsPath)
  }

  /**
   * Binds and listens.
   * @throws FT_ERR_ADDRESS_IN_USE, FT_ERR_ADDRESS_DENIED, FT_ERR_ADDRESS_NOT_LOCAL, FT_ERR_HOST_NOT_FOUND,
   *   FT_ERR_SOCKET_PATH, or FT_ERR_SYSTEM for what the system says beside those; nothing stays bound then
   */
  static async open(address: Address, options: ListenerOptions): Promise<Listener> {
    const origin = nameOf(address)
    try {
      const fd =
        address.kind === 'unix'
          ? await claimUnixPath(address.path, () =>
              openListener({ family: 'unix', path: address.path }, options),
            )
          : await openTcp(address.host, address.port, options)
      return Listener.adopt(fd, { origin, backlog: options.backlog, ownsPath: true })
    } catch (error) {
      throw explain(error, origin)
    }
  }

  /** `http://127.0.0.1:8080`, `tcp://[::1]:9000` or `unix:/run/app.sock`. */
  name(kind: HandlerKind): string {
    const text = addressText(this.#address)
    if (!this.#isTcp) return text
    return `${kind === 'http' ? 'http' : 'tcp'}://${text}`
  }

  get #isTcp(): boolean {
    return this.#address.family === 4 || this.#address.family === 6
  }

  /** Has the kernel keep connections until their first bytes are there, or not. Only where the client speaks first. */
  deferAccept(isOn: boolean): void {
    if (this.#isTcp) deferAccept(this.fd, isOn ? DEFER_ACCEPT_SECONDS : 0)
  }

  /** Connections that wait to be accepted, as far as the system tells. */
  get backlog(): { length: number; limit: number } {
    const queue = this.#isTcp ? acceptQueue(this.fd) : undefined
    return queue ?? { length: 0, limit: this.#limit }
  }

  /** Closes this process's descriptor and removes the unix path, if that is still the one made here. */
  close(): void {
    closeSync(this.fd)
    this.removePath()
  }

  /** The unix path is another's from now on, who has adopted the socket, and stays when this one closes. */
  leavePath(): void {
    this.#file = undefined
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
