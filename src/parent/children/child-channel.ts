import type { ChildProcess } from 'node:child_process'
import type { ParentMessage } from '../../shared/messages-to-child.js'
import type { ChildMessage } from '../../shared/messages-to-parent.js'
import { guardChannel } from './guard-channel.js'

/** A process that ends closes its channel with all else. How long its exit may take to be heard of on a busy machine. */
const CHANNEL_BEFORE_EXIT_MS = 3000

/** How long a child that has exited may still be heard. */
const CHANNEL_AFTER_EXIT_MS = 1000

export interface ChannelListener {
  readonly heard: (message: ChildMessage) => void
  /** What was heard could not be understood. */
  readonly misheard: (error: Error) => void
  /** What has come is no message at all. */
  readonly broke: (error: unknown) => void
  /** Closed for some time, and there is no exit. */
  readonly closed: () => void
}

/** Node's channel between the parent and a child. What comes there may be of any shape, if user code has got hold of it. */
export class ChildChannel {
  readonly #process: ChildProcess
  #closed: NodeJS.Timeout | undefined

  constructor(process: ChildProcess, { heard, misheard, broke, closed }: ChannelListener) {
    this.#process = process
    process.on('message', (message: ChildMessage | null) => {
      try {
        if (message !== null) heard(message)
      } catch (error) {
        misheard(error as Error)
      }
    })
    guardChannel(process, broke)
    // It comes with the exit; a child that closes its end and lives on would never hear that it has to leave.
    process.once('disconnect', () => {
      this.#closed = setTimeout(closed, CHANNEL_BEFORE_EXIT_MS)
    })
  }

  get isOpen(): boolean {
    return this.#process.connected
  }

  /** `sent`: it is on its way, or will never be. A child that is just dying has closed its end; its exit says the rest. */
  send(message: ParentMessage, sent: () => void = () => undefined): void {
    if (this.isOpen) this.#process.send(message, sent)
    else sent()
  }

  /**
   * The process has exited: calls `done` when it has been heard out. What it has said last may be read after its exit is known (with the signal of
   * one child Node reaps others, too), and before the end of its channel.
   */
  hearOut(done: () => void): void {
    if (!this.isOpen) {
      done()
      return
    }
    const over = (): void => {
      clearTimeout(limit)
      this.#process.off('disconnect', over)
      done()
    }
    // A program that it has left behind may hold the other end open.
    const limit = setTimeout(over, CHANNEL_AFTER_EXIT_MS)
    this.#process.once('disconnect', over)
  }

  /** The child is gone. */
  end(): void {
    clearTimeout(this.#closed)
  }
}
