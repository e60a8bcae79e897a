import { closeSync, rmSync } from 'node:fs'
import { AF_UNIX, SOCK_DGRAM } from '#dist/sys/constants.js'
import { setNonBlocking } from '#dist/sys/descriptor.js'
import { check, declare } from '#dist/sys/libc.js'
import { encodeAddress, type SocketAddress } from '#dist/sys/sockaddr.js'
import { until } from './until.js'

const socket = declare<[number, number, number]>('int socket(int domain, int type, int protocol)')
const bind = declare<[number, Uint8Array, number]>(
  'int bind(int fd, void *address, unsigned int length)',
)
const recv = declare<[number, Uint8Array, number, number]>(
  'long recv(int fd, void *buffer, size_t length, int flags)',
)

const LIMIT_MS = 20_000

/** The end of NOTIFY_SOCKET that systemd would have. `using` closes it. */
export class DatagramReceiver implements Disposable {
  /** As systemd writes it: a path, or @ and an abstract name. */
  readonly name: string
  readonly #fd: number
  readonly #path: string | undefined
  readonly #received: string[] = []

  constructor(address: SocketAddress & { family: 'unix' | 'abstract' }) {
    this.#path = address.family === 'unix' ? address.path : undefined
    this.name = address.family === 'unix' ? address.path : `@${address.name}`
    this.#fd = check(socket(AF_UNIX, SOCK_DGRAM, 0), 'socket', this.name)
    setNonBlocking(this.#fd)
    const bytes = encodeAddress(address)
    check(bind(this.#fd, bytes, bytes.length), 'bind', this.name)
  }

  /** All messages so far, in order. */
  get messages(): readonly string[] {
    const buffer = Buffer.alloc(4096)
    for (;;) {
      const length = recv(this.#fd, buffer, buffer.length, 0)
      if (length < 0) return this.#received
      this.#received.push(buffer.toString('utf8', 0, length))
    }
  }

  /** Waits for a message that matches. */
  async message(pattern: RegExp): Promise<string> {
    const find = () => this.messages.find((text) => pattern.test(text))
    return await until(find, LIMIT_MS, `message ${pattern} among ${JSON.stringify(this.messages)}`)
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
    if (this.#path !== undefined) rmSync(this.#path, { force: true })
  }
}
