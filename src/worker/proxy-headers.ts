import type { Socket } from 'node:net'
import type { Lease } from '../shared/thread-starts.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { peekBytes, receiveBytes } from '../sys/receive.js'
import { setPeer } from './peer-address.js'
import { LONGEST_HEADER, type ProxyHeader, parseProxyHeader } from './proxy-header.js'

/** A proxy sends its header together with the first bytes of the client, or before; this is room for some packets to be sent again. */
const PATIENCE_MS = 5000

/**
 * Reads the PROXY header of fresh connections, before anybody else reads from them. Each connection has it once: what comes
 * later is the client's, whatever it looks like.
 */
export class ProxyHeaders {
  readonly #patienceMs: number
  /** The header was wrong, or did not come in time. */
  readonly #refused: () => void
  readonly #buffer = Buffer.alloc(LONGEST_HEADER)

  /** `headersTimeout`, in ms, is also for this one; 0 for none. */
  constructor(headersTimeout: number, refused: () => void) {
    this.#patienceMs = headersTimeout > 0 ? Math.min(headersTimeout, PATIENCE_MS) : PATIENCE_MS
    this.#refused = refused
  }

  /**
   * Calls `proceed` when the header is read; in the same turn if it is there already, as with deferred accepts it mostly is. Then
   * exactly its bytes are taken out of the kernel, and the socket is as one without a header. A connection with a wrong header,
   * or without one, is closed, and `proceed` not called.
   */
  read(socket: Socket, fd: number, proceed: () => void): void {
    const count = peekBytes(fd, this.#buffer)
    const header = parseProxyHeader(this.#buffer.subarray(0, Math.max(count, 0)))
    if (header.state === 'incomplete') {
      this.#readLater(socket, proceed)
      return
    }
    if (header.state === 'complete') receiveBytes(fd, this.#buffer.subarray(0, header.length))
    this.#settle(socket, header, proceed)
  }

  /** It comes in pieces, or late: the rest of the last piece goes back into the stream. */
  #readLater(socket: Socket, proceed: () => void): void {
    let bytes = Buffer.alloc(0)
    const settle = (header: ProxyHeader): void => {
      clearTimeout(late)
      socket
        .off('readable', onReadable)
        .off('end', onEnd)
        .off('error', onError)
        .off('close', onError)
      this.#settle(socket, header, proceed)
    }
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      bytes = Buffer.concat([bytes, chunk])
      const header = parseProxyHeader(bytes)
      if (header.state === 'incomplete') return
      if (header.state === 'complete' && bytes.length > header.length)
        socket.unshift(bytes.subarray(header.length))
      settle(header)
    }
    // A load balancer looks whether the port is open, and says nothing. That is no wrong header.
    const onEnd = (): void => {
      if (bytes.length > 0) settle({ state: 'wrong' })
      else socket.destroy()
    }
    const onError = (): void => clearTimeout(late)
    const late = setTimeout(() => settle({ state: 'wrong' }), this.#patienceMs)
    socket.on('readable', onReadable).on('end', onEnd).on('error', onError).on('close', onError)
  }

  #settle(socket: Socket, header: ProxyHeader, proceed: () => void): void {
    if (header.state !== 'complete') {
      this.#refused()
      socket.destroy()
      return
    }
    if (header.client !== undefined) setPeer(socket, header.client)
    proceed()
  }
}

/** For each listener what reads the headers of its connections, if they have any. */
export function proxyHeadersFor(
  { slot, listenerTerms, timeouts }: Lease,
  scoreboard: Scoreboard,
): (listener: number) => ProxyHeaders | undefined {
  const refused = (): void => scoreboard.addToField(slot, 'proxyErrors', 1)
  const headers = new ProxyHeaders(timeouts.headersTimeout, refused)
  return (listener) => (listenerTerms[listener]?.proxyProtocol === true ? headers : undefined)
}
