import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { within } from './until.js'

const LIMIT_MS = 30_000

/** A conversation on one connection, byte for byte: what a well-behaved client would not let a test say. */
export class RawClient implements Disposable {
  readonly socket: Socket
  /** Resolves when the connection is over, whoever ended it and however. */
  readonly closed: Promise<void>
  /** Joined only when somebody looks: a large reply comes in hundreds of pieces. */
  readonly #chunks: Buffer[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    // A reset ends the conversation like any other end.
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => this.#chunks.push(chunk))
  }

  /** @param target a port of 127.0.0.1, or the path of a unix socket */
  static async connect(target: number | string): Promise<RawClient> {
    const socket =
      typeof target === 'number' ? connect(target, '127.0.0.1') : connect({ path: target })
    const client = new RawClient(socket)
    await within(once(socket, 'connect'), LIMIT_MS, `connection to ${target}`)
    return client
  }

  /** All that has come so far, one character per byte. */
  get received(): string {
    return Buffer.concat(this.#chunks).toString('latin1')
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(bytes)
    return this
  }

  /** Waits until what has come matches; fails at once when no more can come. */
  async until(pattern: RegExp, timeoutMs = LIMIT_MS): Promise<RegExpMatchArray> {
    let onData = (): void => {}
    const found = new Promise<RegExpMatchArray>((resolve) => {
      onData = () => {
        const match = this.received.match(pattern)
        if (match) resolve(match)
      }
    })
    const ended = this.closed.then(() => {
      const match = this.received.match(pattern)
      if (!match) throw new Error(`closed before ${pattern}: ${JSON.stringify(this.received)}`)
      return match
    })
    this.socket.on('data', onData)
    onData()
    try {
      const text = (): string => `${pattern} in ${JSON.stringify(this.received.slice(-500))}`
      return await within(Promise.race([found, ended]), timeoutMs, text)
    } finally {
      this.socket.off('data', onData)
      ended.catch(() => undefined)
    }
  }

  /** Waits for the end of the connection; returns all that came. */
  async end(timeoutMs = LIMIT_MS): Promise<string> {
    await within(this.closed, timeoutMs, () => `end after ${JSON.stringify(this.received)}`)
    return this.received
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
