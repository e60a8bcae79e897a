import { constants as osConstants } from 'node:os'
import { errno } from '../sys/libc.js'
import { PollSet } from '../sys/poll.js'
import { acceptConnection } from '../sys/socket.js'
import { Word } from './child-memory.js'
import { acceptedBy } from './entry.js'
import type { Mailbox } from './mailbox.js'

/**
 * What `accept` may say of a single connection, or of none: the next one may be fine. (accept(2): Linux
 * passes errors that are pending on the new socket; Stevens, UNP 16.6, has the connection that is gone again.)
 */
const { EAGAIN, ECONNABORTED, EINTR, EPROTO, EPERM, ENOPROTOOPT, EOPNOTSUPP } = osConstants.errno
const { ENETDOWN, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT } = osConstants.errno
const passing = new Set([EAGAIN, ECONNABORTED, EINTR, EPROTO, EPERM, ENOPROTOOPT, EOPNOTSUPP])
for (const network of [ENETDOWN, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT]) passing.add(network)

/** What became of a turn of accepting. */
export interface AcceptTurn {
  readonly accepted: number
  /** Connections that broke before they were accepted. */
  readonly broken: number
  /** The error number of a lasting failure (no descriptors, no memory), else 0. */
  readonly shortage: number
}

export const NONE_ACCEPTED: AcceptTurn = { accepted: 0, broken: 0, shortage: 0 }

/**
 * Accepts from several listeners in turn, so that no busy port starves another. The mailbox is one of them: what is in it has
 * been accepted before, but waits for a thread as a new connection does.
 */
export class Acceptor {
  readonly #listeners: readonly number[]
  readonly #mailbox: Mailbox | undefined
  /** The listeners, then the mailbox. */
  readonly watched: readonly number[]
  readonly #words: Int32Array
  readonly #poll: PollSet

  constructor(
    listeners: readonly number[],
    mailbox: Mailbox | undefined,
    memory: SharedArrayBuffer,
  ) {
    this.#listeners = listeners
    this.#mailbox = mailbox
    this.watched = mailbox === undefined ? listeners : [...listeners, mailbox.receiveEnd]
    this.#words = new Int32Array(memory)
    this.#poll = new PollSet(this.watched)
  }

  /** Whether a connection waits on any listener. */
  get hasWaiting(): boolean {
    return this.#poll.wait(0) > 0
  }

  /** `accept` for a thread that has time for one look only: an empty mailbox costs it nothing. */
  acceptQuickly(room: number, take: TakeEntry): AcceptTurn {
    const isOne = this.#listeners.length === 1 && this.#mailbox?.mayHold !== true
    return isOne ? this.#acceptFrom(0, room, take) : this.accept(room, take)
  }

  /**
   * Accepts up to `room` connections without waiting, one from each ready listener before a second from the same,
   * beginning where the last turn ended; each goes to `take`.
   */
  accept(room: number, take: TakeEntry): AcceptTurn {
    const places = this.watched.length
    if (places === 1) return this.#acceptFrom(0, room, take)
    let accepted = 0
    let broken = 0
    while (accepted < room && this.hasWaiting) {
      const before = accepted + broken
      const start = Atomics.load(this.#words, Word.firstListener)
      for (let turn = 0; turn < places && accepted < room; turn++) {
        const index = (start + turn) % places
        if (!this.#poll.isReady(index)) continue
        const reason = this.#takeAt(index, take)
        if (reason === 0) {
          accepted++
          Atomics.store(this.#words, Word.firstListener, (index + 1) % places)
        } else if (!passing.has(reason)) return { accepted, broken, shortage: reason }
        else if (reason !== EAGAIN) broken++
      }
      if (accepted + broken === before) break
    }
    return { accepted, broken, shortage: 0 }
  }

  /** To ask which of several are ready costs less than to try each; of one, the accept itself tells. */
  #acceptFrom(index: number, room: number, take: TakeEntry): AcceptTurn {
    let accepted = 0
    let broken = 0
    while (accepted < room) {
      const reason = this.#takeAt(index, take)
      if (reason === 0) accepted++
      else if (!passing.has(reason)) return { accepted, broken, shortage: reason }
      // Another child was faster, or nothing was there; else this one connection is gone.
      else if (reason === EAGAIN) break
      else broken++
    }
    return { accepted, broken, shortage: 0 }
  }

  /** 0 if one was taken, else the error number. What came through the mailbox without a descriptor is nothing. */
  #takeAt(index: number, take: TakeEntry): number {
    const isMail = index === this.#listeners.length
    const entry = isMail ? this.#takeMail() : this.#takeFrom(index)
    if (entry < 0) return isMail ? this.#mailbox?.lastError || EAGAIN : errno()
    take(entry, !isMail)
    return 0
  }

  #takeFrom(index: number): number {
    const fd = acceptConnection(this.#listeners[index] ?? -1)
    return fd < 0 ? fd : acceptedBy(index, fd)
  }

  #takeMail(): number {
    return this.#mailbox?.take() ?? -1
  }
}

/** `isNew` is false for a connection out of the mailbox. */
export type TakeEntry = (entry: number, isNew: boolean) => void
