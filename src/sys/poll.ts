import { constants as osConstants } from 'node:os'
import { check, declare, errno } from './libc.js'

const poll = declare<[Int32Array, number, number]>(
  'int poll(void *fds, unsigned long count, int timeout)',
)

const POLLIN = 1
/** `struct pollfd` is an int and two shorts: two words, of which the second holds events and revents. */
const WORDS = 2
const REVENTS_SHIFT = 16

/** A fixed set of descriptors to wait for. Not shared between threads. */
export class PollSet {
  readonly #words: Int32Array
  readonly #count: number

  constructor(descriptors: readonly number[]) {
    this.#count = descriptors.length
    this.#words = new Int32Array(descriptors.length * WORDS)
    for (const [index, fd] of descriptors.entries()) {
      this.#words[index * WORDS] = fd
      this.#words[index * WORDS + 1] = POLLIN
    }
  }

  /**
   * Blocks the thread until a descriptor is readable (or broken), or until `timeoutMs` is over (-1: for
   * ever). Returns how many are ready. A signal ends the wait with 0.
   */
  wait(timeoutMs: number): number {
    const ready = poll(this.#words, this.#count, timeoutMs)
    if (ready < 0 && errno() === osConstants.errno.EINTR) return 0
    return check(ready, 'poll', `${this.#count} descriptors`)
  }

  /** Whether the descriptor at this place of the set was ready in the last `wait`. */
  isReady(index: number): boolean {
    return (this.#words[index * WORDS + 1] ?? 0) >>> REVENTS_SHIFT !== 0
  }
}
