import { duplicateOver } from '../sys/descriptor.js'
import { DescriptorSocket } from '../sys/descriptor-socket.js'
import type { DescriptorEnds } from './descriptor-ends.js'
import { descriptorOf, MARK_BITS, marked, markOf } from './entry.js'
import type { Scoreboard } from './scoreboard.js'
import { MAILED, MAILS } from './scoreboard-layout.js'

/**
 * The mailbox of the pool: connections that wait for a thread of any process. A child that holds a readable connection and
 * has no idle thread puts it in; for whoever has capacity it is one more listener, whose `accept` is a `recvmsg`.
 * So what waits here waits like a connection in a backlog: first come, first served, and no death of a child loses it
 * (the parent holds both ends, too).
 *
 * `mayHold` spares threads that serve themselves the look into an empty mailbox. The count behind it grows before
 * something is put in and shrinks after something was taken out, so it is never too low; a process that dies between the
 * two leaves it too high, which costs a look now and then.
 */
export class Mailbox {
  readonly receiveEnd: number
  readonly #sendEnd: number
  readonly #socket = new DescriptorSocket()
  readonly #shared: Int32Array

  constructor({ sendEnd, receiveEnd }: DescriptorEnds, scoreboard: Scoreboard) {
    this.receiveEnd = receiveEnd
    this.#sendEnd = sendEnd
    this.#shared = scoreboard.words
  }

  get mayHold(): boolean {
    return Atomics.load(this.#shared, MAILED) > 0
  }

  /** False if the mailbox is full. The caller closes its own descriptor afterwards, or keeps it. */
  put(entry: number): boolean {
    Atomics.add(this.#shared, MAILED, 1)
    // The number of the mail, which no other one under way has, and the mark of the entry.
    const word = (Atomics.add(this.#shared, MAILS, 1) << MARK_BITS) | markOf(entry)
    if (this.#socket.send(this.#sendEnd, descriptorOf(entry), word)) return true
    Atomics.sub(this.#shared, MAILED, 1)
    return false
  }

  /**
   * After `put`, as long as the entry is noted: this process has no descriptor of the connection any more, but the number is
   * not free yet. (With an open one that nobody knows, after a death, its client would never see the end of it.)
   */
  letGo(entry: number): void {
    duplicateOver(this.receiveEnd, descriptorOf(entry))
  }

  /** The oldest entry, now a descriptor of this process; -1 if there is none, with the reason in `lastError`. */
  take(): number {
    const { fd, word, isTaken, reason } = this.#socket.receive(this.receiveEnd)
    if (isTaken) Atomics.sub(this.#shared, MAILED, 1)
    this.lastError = reason
    return fd < 0 ? fd : marked(fd, word)
  }

  lastError = 0
}
