import { Socket } from 'node:net'
import { descriptorOf, isResumed } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import { closeDescriptor } from '../sys/descriptor.js'
import type { Activity } from './activity.js'

/**
 * The open connections of this thread: wraps descriptors from the hand-off as sockets of this event loop, and
 * keeps their number.
 */
export class Connections {
  readonly #open = new Set<Socket>()
  readonly #thread: number
  readonly #handOff: HandOff
  readonly #activity: Activity
  #whenEmpty: (() => void) | undefined

  constructor(thread: number, handOff: HandOff, activity: Activity) {
    this.#thread = thread
    this.#handOff = handOff
    this.#activity = activity
  }

  [Symbol.iterator](): IterableIterator<Socket> {
    return this.#open.values()
  }

  /**
   * Wraps the descriptor of an entry. Sets what `net.Server` would have set when it accepts: `noDelay`, without which small
   * responses wait for the acknowledgement of earlier ones (Nagle), and `allowHalfOpen`.
   * Returns undefined if the descriptor can't be a socket; it is closed then.
   */
  open(entry: number, allowHalfOpen: boolean): Socket | undefined {
    this.#handOff.queue.unhand(this.#thread)
    const fd = descriptorOf(entry)
    let socket: Socket
    try {
      socket = new Socket({ fd, allowHalfOpen })
    } catch {
      // The peer is gone before its connection was wrapped, and the system no longer knows the socket.
      closeDescriptor(fd)
      this.#activity.connectionFailed()
      return undefined
    }
    socket.setNoDelay(true)
    this.#open.add(socket)
    this.#activity.connectionOpened(socket, !isResumed(entry))
    socket.on('close', this.#onClosed)
    return socket
  }

  /** One function for all sockets, which are its `this`. */
  readonly #onClosed = ((connections: Connections) =>
    function (this: Socket): void {
      connections.#open.delete(this)
      connections.#activity.connectionClosed(this, this.bytesWritten)
      if (connections.#open.size === 0) connections.#whenEmpty?.()
    })(this)

  /** Resolves when none is left. */
  async closed(): Promise<void> {
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
  }
}
