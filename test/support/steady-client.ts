import { connect, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import { until } from './until.js'

const LIMIT_MS = 20_000
const AT_ONCE = 300

/** What the fixture `who` says, and whether the connection goes on. */
export interface Answer {
  readonly pid: number
  readonly isLast: boolean
}

/** A client of the fixture `who` that keeps its connection, and knows what the server does to it. */
export class SteadyClient implements Disposable {
  readonly #socket: Socket
  #text = ''
  /** The server has ended the connection, or broken it. */
  isOver = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (text) => {
      this.#text += text
    })
    socket.on('error', () => undefined)
    for (const end of ['end', 'close'])
      socket.once(end, () => {
        this.isOver = true
      })
  }

  static async open(port: number, isSecure = false): Promise<SteadyClient> {
    const socket = isSecure
      ? connectSecure({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) =>
      socket.once(isSecure ? 'secureConnect' : 'connect', resolve).once('error', reject),
    )
    return new SteadyClient(socket)
  }

  /** Of so many clients, each of which has had an answer. */
  static async openIdle(port: number, count: number): Promise<readonly SteadyClient[]> {
    const clients: SteadyClient[] = []
    while (clients.length < count) {
      const more = Math.min(AT_ONCE, count - clients.length)
      const opened = Array.from({ length: more }, () => SteadyClient.open(port))
      clients.push(...(await Promise.all(opened)))
      await Promise.all(clients.slice(-more).map((client) => client.ask()))
    }
    return clients
  }

  /** @throws if the connection is over before the answer is complete */
  async ask(path = '/'): Promise<Answer> {
    this.#text = ''
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const isComplete = (): boolean => /\n\r\n\d+ \d+\n$/.test(this.#text)
    await until(() => isComplete() || this.isOver, LIMIT_MS, 'an answer')
    if (!isComplete()) throw new Error(`no answer but ${JSON.stringify(this.#text)}`)
    const pid = Number(/x-pid: (\d+)/.exec(this.#text)?.[1])
    return { pid, isLast: /\r\nconnection: close\r\n/i.test(this.#text) }
  }

  /** Asks again and again until the server says that it is the last answer; how many there were. */
  async askUntilLast(pauseMs: number): Promise<number> {
    for (let answers = 1; ; answers++) {
      const { isLast } = await this.ask()
      if (isLast) return answers
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
