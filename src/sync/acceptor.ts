import { constants as osConstants } from 'node:os'
import { errno } from '../sys/libc.js'
import { PollSet } from '../sys/poll.js'
import { acceptConnection } from '../sys/socket.js'
import { Word } from './child-memory.js'

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

/** Accepts from several listeners in turn, so that no busy port starves another. */
export class Acceptor {
  readonly #listeners: readonly number[]
  readonly #words: Int32Array
  readonly #poll: PollSet

  constructor(listeners: readonly number[], memory: SharedArrayBuffer) {
    this.#listeners = listeners
    this.#words = new Int32Array(memory)
    this.#poll = new PollSet(listeners)
  }

  /** Whether a connection waits on any listener. */
  get hasWaiting(): boolean {
    return this.#poll.wait(0) > 0
  }

  /**
   * Accepts up to `room` connections without waiting, one from each ready listener before a second from the same,
   * beginning where the last turn ended; each goes to `take`.
   */
  accept(room: number, take: (fd: number) => void): AcceptTurn {
    let accepted = 0
    let broken = 0
    const listeners = this.#listeners
    // To ask which of several are ready costs less than to try each; of one, the accept itself tells.
    const isOnly = listeners.length === 1
    while (accepted < room && (isOnly || this.hasWaiting)) {
      const before = accepted + broken
      const start = Atomics.load(this.#words, Word.firstListener)
      for (let turn = 0; turn < listeners.length && accepted < room; turn++) {
        const index = (start + turn) % listeners.length
        if (!isOnly && !this.#poll.isReady(index)) continue
        const fd = acceptConnection(listeners[index] ?? -1)
        if (fd >= 0) {
          take(fd)
          accepted++
          Atomics.store(this.#words, Word.firstListener, (index + 1) % listeners.length)
          continue
        }
        const reason = errno()
        if (!passing.has(reason)) return { accepted, broken, shortage: reason }
        // Another child was faster, or nothing was there; else this one connection is gone.
        if (reason !== EAGAIN) broken++
      }
      if (accepted + broken === before) break
    }
    return { accepted, broken, shortage: 0 }
  }
}
