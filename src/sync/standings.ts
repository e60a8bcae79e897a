import { Bell } from './bell.js'
import { bit, count } from './bits.js'
import { ThreadWord, threadWord, Word } from './child-memory.js'
import type { Scoreboard } from './scoreboard.js'

/**
 * What each worker thread of one child is to the listener thread:
 *
 *     idle   no request in flight: the next descriptor is its own         (bit in the idle word)
 *     open   requests in flight, but they wait for I/O: its loop turns     (bit in the open word)
 *     busy   running a handler, or waiting for a new connection's request  (neither bit)
 *
 * Each thread alone changes its two bits, and the child's main thread after that one's death. The idle word lies in the
 * scoreboard, where other processes see it, the open word in the child's memory. In which order a thread changes them and
 * looks at the queue is the matter of `HandOff`.
 */
export class Standings {
  readonly #words: Int32Array
  readonly #shared: Int32Array
  readonly #idleIndex: number
  readonly #pressure: Bell
  readonly #stir: Bell

  /** `slot` is that of this process in the scoreboard. */
  constructor(words: Int32Array, scoreboard: Scoreboard, slot: number) {
    this.#words = words
    this.#shared = scoreboard.words
    this.#idleIndex = scoreboard.idleIndex(slot)
    this.#pressure = new Bell(words, Word.pressure, Word.pressureWanted)
    this.#stir = new Bell(words, Word.stirred, Word.stirWanted)
  }

  setIdle(thread: number): void {
    Atomics.or(this.#shared, this.#idleIndex, bit(thread))
    if (this.#isEnding(thread)) this.clearIdle(thread)
  }

  clearIdle(thread: number): void {
    const before = Atomics.and(this.#shared, this.#idleIndex, ~bit(thread))
    if (before === bit(thread)) this.#pressure.ring()
    if (before & bit(thread)) this.#stir.ring()
  }

  setOpen(thread: number): void {
    Atomics.or(this.#words, Word.openBits, bit(thread))
    if (this.#isEnding(thread)) this.clearOpen(thread)
  }

  clearOpen(thread: number): void {
    Atomics.and(this.#words, Word.openBits, ~bit(thread))
  }

  /**
   * For the child's main thread: the thread is busy from now on, whatever it does until it is ended. It may be about to set one of its bits; then it looks
   * here afterwards, and clears it again.
   */
  noteEnding(thread: number): void {
    Atomics.store(this.#words, threadWord(thread, ThreadWord.ending), 1)
  }

  /** After its end: another one may have its place. */
  forgetEnding(thread: number): void {
    Atomics.store(this.#words, threadWord(thread, ThreadWord.ending), 0)
  }

  #isEnding(thread: number): boolean {
    return Atomics.load(this.#words, threadWord(thread, ThreadWord.ending)) === 1
  }

  isIdle(thread: number): boolean {
    return (this.idleBits & bit(thread)) !== 0
  }

  isOpen(thread: number): boolean {
    return (this.openBits & bit(thread)) !== 0
  }

  get idleBits(): number {
    return Atomics.load(this.#shared, this.#idleIndex)
  }

  get openBits(): number {
    return Atomics.load(this.#words, Word.openBits)
  }

  get idleCount(): number {
    return count(this.idleBits)
  }

  get openCount(): number {
    return count(this.openBits)
  }

  /** For the child's main thread: resolves the next time that the last idle thread becomes busy, or at once if none is idle. */
  nextPressure(): Promise<void> {
    return this.#pressure.next(() => this.idleBits === 0)
  }

  /** For the child's main thread: resolves the next time that an idle thread becomes busy, or at once if `isBusy()`. */
  nextStir(isBusy: () => boolean): Promise<void> {
    return this.#stir.next(isBusy)
  }
}
