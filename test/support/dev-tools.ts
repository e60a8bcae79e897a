import type { WebSocket } from 'ws'

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** The DevTools protocol on an open WebSocket: Node's inspector, or Chromium. */
export class DevTools {
  readonly #socket: WebSocket
  readonly #hear = new Set<(message: Message) => void>()
  #lastId = 0

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message
      for (const hear of this.#hear) hear(message)
    })
  }

  /** @throws what the other side has answered as an error */
  async ask<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = this.#next((message) => message.id === id)
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }))
    const { result, error } = await answer
    if (error) throw new Error(`${method}: ${error.message}`)
    return result as T
  }

  /** The next event of this name from now on. */
  async event<T>(method: string): Promise<T> {
    return (await this.#next((message) => message.method === method)).params as T
  }

  async #next(isIt: (message: Message) => boolean): Promise<Message> {
    return await new Promise((resolve) => {
      const hear = (message: Message): void => {
        if (!isIt(message)) return
        this.#hear.delete(hear)
        resolve(message)
      }
      this.#hear.add(hear)
    })
  }
}
