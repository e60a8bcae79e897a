import type { MessagePort } from 'node:worker_threads'
import { MOST_WAITING_BYTES } from '../shared/channel.js'
import type { PoolLinkUp } from '../shared/messages-from-worker.js'
import type { PoolLinkDown } from '../shared/messages-to-worker.js'

export interface PoolLineEvents {
  /** The thread has posted it; `sent` is to be called when it has gone to the parent. */
  readonly posted: (name: string, data: string, sent: () => void) => void
  readonly resigned: () => void
}

/** The other end of a thread's `PoolLink`. */
export class PoolLine {
  readonly #port: MessagePort
  #waitingBytes = 0
  #lost = 0

  constructor(port: MessagePort, events: PoolLineEvents) {
    this.#port = port
    port.on('message', (message: PoolLinkUp) => {
      if (message.type === 'heard') this.#heard(message.bytes)
      else if (message.type === 'resigned') events.resigned()
      else events.posted(message.name, message.data, () => this.#tell({ type: 'sent' }))
    })
  }

  /** To a thread that does not turn its loop it would pile up, so beyond the limit it is lost, and the thread is told how many were. */
  deliver(name: string, data: string): void {
    if (this.#waitingBytes > 0 && this.#waitingBytes + data.length > MOST_WAITING_BYTES) {
      this.#lost++
      return
    }
    this.#waitingBytes += data.length
    this.#tell({ type: 'channel', name, data })
  }

  /** The whole process has lost some. */
  lost(count: number): void {
    this.#tell({ type: 'lost', count })
  }

  lead(): void {
    this.#tell({ type: 'lead' })
  }

  close(): void {
    this.#port.close()
  }

  #heard(bytes: number): void {
    this.#waitingBytes -= bytes
    if (this.#lost === 0) return
    this.lost(this.#lost)
    this.#lost = 0
  }

  #tell(message: PoolLinkDown): void {
    this.#port.postMessage(message)
  }
}
