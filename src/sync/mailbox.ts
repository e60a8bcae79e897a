import { constants as osConstants } from 'node:os'
import { DescriptorSocket } from '../sys/descriptor-socket.js'
import { errno } from '../sys/libc.js'
import { descriptorOf, isResumed, resumed } from './entry.js'
import type { Scoreboard } from './scoreboard.js'
import { MAILED } from './scoreboard-layout.js'

/** The inherited ends of the pool's mailbox, as descriptors of this process. */
export interface MailboxTerms {
  readonly sendEnd: number
  readonly receiveEnd: number
}

const FRESH_MARK = 0
const RESUMED_MARK = 1

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

  constructor({ sendEnd, receiveEnd }: MailboxTerms, scoreboard: Scoreboard) {
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
    const mark = isResumed(entry) ? RESUMED_MARK : FRESH_MARK
    if (this.#socket.send(this.#sendEnd, descriptorOf(entry), mark)) return true
    Atomics.sub(this.#shared, MAILED, 1)
    return false
  }

  /** The oldest entry, now a descriptor of this process; -1 if there is none, with the reason in `lastError`. */
  take(): number {
    const received = this.#socket.receive(this.receiveEnd)
    if (received === undefined) {
      this.lastError = errno()
      return -1
    }
    Atomics.sub(this.#shared, MAILED, 1)
    if (received.fd < 0) {
      // No descriptor was free at that very moment. The connection is lost, as one in a backlog that overflows.
      this.lastError = osConstants.errno.EMFILE
      return -1
    }
    return received.mark === RESUMED_MARK ? resumed(received.fd) : received.fd
  }

  lastError = 0
}
