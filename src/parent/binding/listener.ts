import { closeSync, lstatSync, type Stats, unlinkSync } from 'node:fs'
import { fail } from '../../shared/errors.js'
import type { HandlerKind } from '../../shared/terms.js'
import { setCloseOnExec, setNonBlocking } from '../../sys/descriptor.js'
import { addressText, type SocketAddress } from '../../sys/sockaddr.js'
import {
  acceptQueue,
  boundAddress,
  changeBacklog,
  deferAccept,
  whyNotListening,
} from '../../sys/socket.js'
import { ignoreNewConnections } from '../../sys/syn-filter.js'
import {
  bindAddress,
  type ListenerOptions,
  type OwnAddress,
  originOf,
  whyNotBound,
} from './bind-address.js'

/** A client that stays silent for longer is handed to a thread all the same. */
const DEFER_ACCEPT_SECONDS = 1

export interface AdoptOptions {
  /** How the user calls it, for errors: `fd:3`, `systemd`. */
  readonly origin: string
  /** Without it, the queue stays as long as whoever made the socket has made it. */
  readonly backlog?: number
  readonly owner: 'predecessor' | 'outside'
}

/**
 * Whose the socket is, beside that this process has a descriptor of it. Only who owns it ends it: removes its unix path, has the
 * kernel refuse connections.
 *
 *     predecessor → pool → successor      at an upgrade, each at its moment
 *     outside                             systemd's, or whoever has started this process: never ours to end
 */
export type ListenerOwner = 'predecessor' | 'pool' | 'successor' | 'outside'

/** A bound, listening socket of the parent, which never accepts from it. */
export class Listener {
  readonly fd: number
  /** How the user calls it; the same for each parent that is told to listen there. */
  readonly origin: string
  readonly #address: SocketAddress
  readonly #limit: number
  #owner: ListenerOwner
  /** Of a unix path: which file is ours to remove. */
  #file: Stats | undefined

  private constructor(
    fd: number,
    origin: string,
    address: SocketAddress,
    limit: number | undefined,
    owner: ListenerOwner,
  ) {
    this.fd = fd
    this.origin = origin
    this.#address = address
    this.#limit = limit ?? 0
    this.#owner = owner
    if (owner === 'pool') this.#file = this.#look()
  }

  /**
   * Takes over a socket of this process that listens already. It becomes non-blocking, for everybody who shares it, and
   * closed on exec; `close()` closes it.
   * @throws FT_ERR_ADDRESS_INHERITED for a descriptor that is no such socket; it stays as it was then
   */
  static adopt(fd: number, options: AdoptOptions): Listener {
    return Listener.#wrap(fd, options)
  }

  static #wrap(
    fd: number,
    { origin, backlog, owner }: Omit<AdoptOptions, 'owner'> & { readonly owner: ListenerOwner },
  ): Listener {
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
    return new Listener(fd, origin, address, backlog, owner)
  }

  /**
   * Binds and listens.
   * @throws FT_ERR_ADDRESS_IN_USE, FT_ERR_ADDRESS_DENIED, FT_ERR_ADDRESS_NOT_LOCAL, FT_ERR_HOST_NOT_FOUND,
   *   FT_ERR_SOCKET_PATH, FT_ERR_SOCKET_RIGHTS, or FT_ERR_SYSTEM for what the system says beside those; nothing stays bound then
   */
  static async open(address: OwnAddress, options: ListenerOptions): Promise<Listener> {
    const origin = originOf(address)
    try {
      const fd = await bindAddress(address, options)
      return Listener.#wrap(fd, { origin, backlog: options.backlog, owner: 'pool' })
    } catch (error) {
      throw whyNotBound(error, origin, options.option ?? 'listen')
    }
  }

  /** `http://127.0.0.1:8080`, `tcp://[::1]:9000` or `unix:/run/app.sock`. */
  name(kind: HandlerKind = 'http'): string {
    const text = addressText(this.#address)
    if (!this.#isTcp) return text
    return `${kind === 'raw' ? 'tcp' : kind}://${text}`
  }

  /** What a program finds in `PORT`: a port, or the path of a unix socket, which `listen` takes as well. */
  get port(): string | undefined {
    if ('port' in this.#address) return String(this.#address.port)
    return this.#address.family === 'unix' ? this.#address.path : undefined
  }

  get #isTcp(): boolean {
    return this.#address.family === 4 || this.#address.family === 6
  }

  /** Has the kernel keep connections until their first bytes are there, or not. Only where the client speaks first. */
  deferAccept(isOn: boolean): void {
    if (this.#isTcp) deferAccept(this.fd, isOn ? DEFER_ACCEPT_SECONDS : 0)
  }

  /**
   * The end is near: new connections are not let in any more, so that those which wait can be accepted to the last one. On
   * TCP the client tries again a second later, and is refused by then. A unix path goes at once.
   */
  shut(): void {
    if (this.#owner !== 'pool') return
    this.removePath()
    if (!this.#isTcp) return
    ignoreNewConnections(this.fd)
    // A handshake that is complete but for its first bytes is accepted without them.
    deferAccept(this.fd, 0)
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

  /** The predecessor that it was taken over from leaves. */
  claim(): void {
    if (this.#owner !== 'predecessor') return
    this.#owner = 'pool'
    this.#file = this.#look()
  }

  /** A successor has taken it over. */
  leave(): void {
    if (this.#owner === 'pool') this.#owner = 'successor'
  }

  /** For a listener whose descriptor somebody else has closed. */
  removePath(): void {
    const file = this.#file
    if (this.#owner !== 'pool' || this.#address.family !== 'unix' || file === undefined) return
    const found = this.#look()
    if (found?.ino === file.ino && found.dev === file.dev) unlinkSync(this.#address.path)
  }

  #look(): Stats | undefined {
    if (this.#address.family !== 'unix') return undefined
    return lstatSync(this.#address.path, { throwIfNoEntry: false })
  }
}
