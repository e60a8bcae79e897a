import { isIP } from 'node:net'
import type { SocketAddress } from '../sys/sockaddr.js'

/**
 * Stands where the handle of a listening socket is, such as Node's cluster gives its workers: Node's own code then does the events,
 * `address()`, `listening` and `close()`. Nothing is bound here, and the lease keeps the thread alive, so `ref` has nothing to do.
 */
export class FauxHandle {
  /** Only where there is an IP address: without it Node shows the path. */
  readonly getsockname?: (out: Record<string, unknown>) => number
  readonly #onClose: () => void

  constructor(address: SocketAddress | undefined, onClose: () => void) {
    this.#onClose = onClose
    if (address === undefined || !('port' in address)) return
    const { host, port } = address
    this.getsockname = (out) => {
      Object.assign(out, { address: host, family: isIP(host) === 4 ? 'IPv4' : 'IPv6', port })
      return 0
    }
  }

  listen(): number {
    return 0
  }

  close(): void {
    this.#onClose()
  }

  ref(): void {}

  unref(): void {}

  hasRef(): boolean {
    return true
  }
}
