import { MOST_WAITING_BYTES } from '../../shared/channel.js'
import type { ChildChannel } from './child-channel.js'

/**
 * What goes to one child on the channels of the pool. A child that does not read would make it pile up here, so beyond the limit posts are lost, and the
 * child is told how many were.
 */
export class ChannelPosts {
  readonly #channel: ChildChannel
  /** Of those that have not gone out yet. */
  #waitingBytes = 0
  #lost = 0

  constructor(channel: ChildChannel) {
    this.#channel = channel
  }

  /** For all threads but `except`. Resolves when it is on its way. */
  async post(name: string, data: string, except: number): Promise<void> {
    if (!this.#channel.isOpen) return
    if (this.#waitingBytes > 0 && this.#waitingBytes + data.length > MOST_WAITING_BYTES) {
      this.#lost++
      return
    }
    this.#waitingBytes += data.length
    await new Promise<void>((resolve) =>
      this.#channel.send({ type: 'channel', name, data, except }, resolve),
    )
    this.#waitingBytes -= data.length
    if (this.#lost === 0) return
    this.#channel.send({ type: 'lost', count: this.#lost })
    this.#lost = 0
  }
}
