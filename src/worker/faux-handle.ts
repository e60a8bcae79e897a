import { chmodSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import type { SocketAddress } from '../sys/sockaddr.js'

/** What `readableAll` and `writableAll` are to libuv (uv_pipe_chmod), and what they give to everybody. */
const READABLE = 1
const WRITABLE = 2
const READ_BITS = 0o444
const WRITE_BITS = 0o222

/**
 * Stands where the handle of a listening socket is, such as Node's cluster gives its workers: Node's own code then does the events,
 * `address()`, `listening` and `close()`. Nothing is bound here, and the lease keeps the thread alive, so `ref` has nothing to do.
 */
export class FauxHandle {
  /** Only where there is an IP address: without it Node shows the path. */
  readonly getsockname?: (out: Record<string, unknown>) => number
  readonly #path: string | undefined
  readonly #onClose: () => void

  constructor(address: SocketAddress | undefined, onClose: () => void) {
    this.#onClose = onClose
    this.#path = address?.family === 'unix' ? address.path : undefined
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

  /** For `readableAll` and `writableAll`. */
  fchmod(rights: number): number {
    if (this.#path !== undefined) openToAll(this.#path, rights)
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

/** Threads that run as somebody else than the owner can't: then the pool's own option has decided. */
function openToAll(path: string, rights: number): void {
  const bits = (rights & READABLE ? READ_BITS : 0) | (rights & WRITABLE ? WRITE_BITS : 0)
  try {
    chmodSync(path, statSync(path).mode | bits)
  } catch {}
}
