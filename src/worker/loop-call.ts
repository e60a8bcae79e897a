import { Socket, type SocketConstructorOpts } from 'node:net'
import { closeDescriptor, duplicateOver, openPipe } from '../sys/descriptor.js'
import type { Epoll } from '../sys/epoll.js'
import { openEndlessDescriptor } from '../sys/event-descriptor.js'

/** So many bytes does an endless descriptor give at a time; a read of more is known to have emptied it for now. */
const BYTES = 2 * BigUint64Array.BYTES_PER_ELEMENT

/** What `net.Socket` takes beside its types. */
interface ReadingOptions extends SocketConstructorOpts {
  readonly onread: { readonly buffer: Uint8Array; readonly callback: () => boolean }
}

/**
 * Has an event loop call a function for descriptors that it does not know, but which are watched in its epoll instance.
 *
 * An event says for which descriptor it is by a number of the watcher's choice, and libuv calls whoever watches the descriptor of that number: here
 * a socket of Node's own, on a descriptor that is readable whenever it is read but reports nothing to the loop (`Epoll.silence`). So the function runs like
 * any callback of a socket, in the order of the events, and Node closes all of it with the thread, however that ends.
 */
export class LoopCall {
  /** What events for this call are reported as. */
  readonly number: number
  readonly #epoll: Epoll
  readonly #socket: Socket

  /** Resolves when events may be reported. `broken` is called if they must not be any more. */
  static async open(epoll: Epoll, called: () => void, broken: () => void): Promise<LoopCall> {
    let first: () => void = () => undefined
    let isOpen = false
    const opened = new Promise<void>((resolve) => {
      first = resolve
    })
    const call = new LoopCall(
      epoll,
      () => {
        if (isOpen) return called()
        isOpen = true
        first()
      },
      broken,
    )
    await opened
    call.#socket.unref()
    return call
  }

  private constructor(epoll: Epoll, called: () => void, broken: () => void) {
    this.#epoll = epoll
    const { readEnd, writeEnd } = openPipe()
    this.number = readEnd
    let isFirst = true
    const options: ReadingOptions = {
      fd: readEnd,
      readable: true,
      writable: false,
      onread: {
        buffer: new Uint8Array(BYTES),
        callback: () => {
          // The loop has begun to watch it, and would call for ever.
          if (isFirst) this.silence()
          isFirst = false
          called()
          return true
        },
      },
    }
    this.#socket = new Socket(options)
    this.#socket.on('error', () => undefined)
    // libuv takes a listener that somebody has shut for the end of the stream.
    this.#socket.once('end', broken)
    this.#socket.once('close', broken)
    // Node makes sockets of pipes only, and reads what the number means by then.
    const endless = openEndlessDescriptor()
    duplicateOver(endless, readEnd)
    closeDescriptor(endless)
    closeDescriptor(writeEnd)
  }

  /** Should the loop watch the descriptor itself again: it does so after errors. */
  silence(): void {
    this.#epoll.silence(this.number)
  }

  close(): void {
    this.#socket.destroy()
  }
}
