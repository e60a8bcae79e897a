import { closeDescriptor } from '../sys/descriptor.js'
import { LockOwner } from './child-memory.js'
import { descriptorOf } from './entry.js'
import type { HandOff } from './hand-off.js'
import type { Mailbox } from './mailbox.js'

/** What is queued in a child whose threads block goes to other processes. */
export class Shedding {
  readonly #handOff: HandOff
  readonly #mailbox: Mailbox | undefined

  constructor(handOff: HandOff, mailbox: Mailbox | undefined) {
    this.#handOff = handOff
    this.#mailbox = mailbox
  }

  /**
   * The thread is about to run a handler that may block it for long, and nobody idles here: what is still queued goes into
   * the mailbox, from where any thread of the pool may take it. Two can have counted on one idle thread (the listener
   * thread and the parker, or one of them and a request on a connection that this thread has), and without this the
   * second one's connection would wait here although another process has idle threads.
   *
   * Mailbox and queue may both be full by then. What has no place in either is returned, in hand: the thread serves it
   * itself, late but not lost. Else -1.
   */
  shed(thread: number): number {
    const mailbox = this.#mailbox
    const { queue, standings, listener } = this.#handOff
    if (mailbox === undefined || listener.isStopping) return -1
    while (queue.length > 0 && standings.idleBits === 0) {
      const entry = queue.take(thread)
      if (entry < 0) return -1
      queue.holdMailed(thread, entry)
      // Full: so many wait that one queue more does not matter.
      if (!mailbox.put(entry)) return this.#putBack(thread, entry)
      // The connection is let go, then the note is erased, and only then the number may mean something else.
      mailbox.letGo(entry)
      queue.unhand(thread)
      closeDescriptor(descriptorOf(entry))
      if (listener.isStopping) return this.#takeBack(thread, mailbox)
    }
    return -1
  }

  /** The push writes the note anew, before it can be seen that the ring is full. */
  #putBack(thread: number, entry: number): number {
    return this.#handOff.queue.push(LockOwner.worker(thread), entry) ? -1 : entry
  }

  /**
   * The child stops, and may have looked into the mailbox for the last time before something was put in. A worker thread
   * looks into the queue once more when it ends.
   */
  #takeBack(thread: number, mailbox: Mailbox): number {
    const entry = mailbox.take()
    return entry < 0 ? -1 : this.#putBack(thread, entry)
  }
}
