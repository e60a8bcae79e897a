import { OutputTarget, type OutputTerms } from '../sys/output-target.js'
import type { PendingBytes } from './pending-bytes.js'

export { exitImmediately } from '../sys/exit.js'
export type { OutputTerms }

const NEWLINE = 10

/** How often a target that took nothing is tried again. */
const RETRY_MS = 20
/** How long the rest of a line is waited for before what there is goes out without it. */
const REST_OF_LINE_MS = 200

/** How long lines that nobody needs at once wait for others, and how many bytes of them. */
const BATCH_MS = 100
const BATCH_BYTES = 2 ** 15

/** Between two words of lost lines. */
const TELL_EVERY_MS = 1000

/** The share of its time that a thread may spend waiting for a reader who is slow. */
const WAITING_SHARE = 0.02

/** How an inherited descriptor is written to, by any thread of this process. */
export function openOutput(fd: number): OutputTerms {
  return OutputTarget.inherited(fd).terms
}

export interface LineOutputOptions {
  readonly terms: OutputTerms
  readonly pending: PendingBytes
  /** For how long (ms) writing may hold up the thread, if it has not done so for a while. */
  readonly patienceMs: number
  /** Told when the target works again, or at the end: how many lines were lost, and of what. */
  readonly onLost: (lines: number, why: string) => void
}

/**
 * Writes whole lines to something that may be full, broken or closed, and neither throws nor waits for long.
 *
 * What can be written is written at once, by the caller's own call: it is out when `write` returns, also if the thread never turns its
 * event loop again. When nobody reads, lines wait in `pending`; once that is full, further ones are lost, and counted.
 */
export class LineOutput {
  readonly #target: OutputTarget
  readonly #pending: PendingBytes
  readonly #patienceMs: number
  readonly #onLost: LineOutputOptions['onLost']
  #patienceLeftMs: number
  #patienceAt = 0
  #lostOf = 'there was no room, or no reader'
  #toldAt = Number.NEGATIVE_INFINITY
  /** A line was cut off in the middle: the next one must not be glued to it. */
  #isCut = false
  #timer: NodeJS.Timeout | undefined
  /** For batches: a new copy each time would be most of what they cost. */
  #scratch: Uint8Array | undefined

  constructor({ terms, pending, patienceMs, onLost }: LineOutputOptions) {
    this.#target = new OutputTarget(terms)
    this.#pending = pending
    this.#patienceMs = patienceMs
    this.#patienceLeftMs = patienceMs
    this.#onLost = onLost
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    // Without a copy where nothing waits, which is nearly always.
    const written = this.#pending.length === 0 ? this.#writeLines(bytes) : 0
    if (written < bytes.length) this.#keep(bytes.subarray(written))
    if (this.#pending.length > 0) this.#timer ??= this.#schedule()
  }

  /** For lines of ASCII that nobody needs at once: they go out a moment later, with those that come until then. */
  later(lines: string): void {
    if (!this.#pending.appendText(lines)) {
      this.write(Buffer.from(lines, 'latin1'))
      return
    }
    if (this.#pending.length > BATCH_BYTES) {
      this.#scratch ??= new Uint8Array(2 * BATCH_BYTES)
      this.#flush(false)
    }
    this.#timer ??= setTimeout(this.#flushLater, BATCH_MS).unref()
  }

  readonly #flushLater = (): void => {
    this.#timer = undefined
    this.#flush(false)
    if (this.#pending.length > 0) this.#timer ??= this.#schedule()
  }

  /** Tries once more what waits; after that what still does not go out is lost. Waits for at most `ms`. */
  finish(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#patienceLeftMs = ms
    this.#patienceAt = performance.now()
    this.#flush(true)
    const { length } = this.#pending
    if (length > 0) {
      this.#lose(this.#pending.copy(), 'nobody reads it')
      this.#pending.drop(length)
    }
    this.#tellLost(true)
  }

  /** What a thread that is gone has left: it waits here, behind what waits already, for no rest of a line. */
  takeOver(left: PendingBytes): void {
    this.#pending.lost += left.lost
    left.lost = 0
    const bytes = left.copy()
    left.drop(bytes.length)
    if (bytes.length === 0) return
    this.write(bytes)
    this.#flush(true)
  }

  /** Whether it was a terminal, and that is gone. */
  get isHungUp(): boolean {
    return this.#target.write(new Uint8Array(0)) < 0 && this.#target.error === 'EIO'
  }

  #keep(bytes: Uint8Array): void {
    if (this.#pending.room < bytes.length) this.#flush(false)
    // A line longer than the room is lost whole; of many lines the first ones are kept.
    const fits =
      bytes.length <= this.#pending.room
        ? bytes.length
        : bytes.subarray(0, this.#pending.room).lastIndexOf(NEWLINE) + 1
    if (fits > 0) this.#pending.append(bytes.subarray(0, fits))
    if (fits < bytes.length) this.#lose(bytes.subarray(fits), 'nobody reads it')
    this.#flush(false)
  }

  /** Writes what waits, with `all` also a line that has no end yet. */
  #flush(all: boolean): void {
    if (this.#pending.length === 0) return
    // Taken, and given back at the end: who is told of lost lines may write here.
    const scratch = this.#scratch
    this.#scratch = undefined
    const bytes = this.#pending.copy(scratch)
    const written = this.#writeLines(bytes)
    const rest = bytes.subarray(written)
    const more = all && rest.length > 0 && !rest.includes(NEWLINE) ? this.#writePiece(rest) : 0
    if (written + more > 0) this.#pending.drop(written + more)
    this.#scratch = scratch
  }

  /** How many bytes are done with: written, or lost because the target is broken. */
  #writeLines(bytes: Uint8Array): number {
    const end = bytes.lastIndexOf(NEWLINE) + 1
    let at = 0
    while (at < end) {
      const written = this.#writePiece(this.#piece(bytes, at, end))
      if (written === 0) break
      at += written
    }
    return at
  }

  /** As many lines as others can't come between, at least one. */
  #piece(bytes: Uint8Array, from: number, end: number): Uint8Array {
    const { atomicBytes } = this.#target.terms
    if (atomicBytes === 0 || end - from <= atomicBytes) return bytes.subarray(from, end)
    const last = bytes.lastIndexOf(NEWLINE, from + atomicBytes - 1)
    return bytes.subarray(from, last >= from ? last + 1 : bytes.indexOf(NEWLINE, from) + 1)
  }

  /** 0 if there is no room for any of it and no time to wait. */
  #writePiece(piece: Uint8Array): number {
    if (this.#isCut && this.#writeOrWait(Uint8Array.of(NEWLINE)) === 1) this.#isCut = false
    let at = 0
    while (at < piece.length) {
      const rest = piece.subarray(at)
      const written = this.#writeOrWait(rest)
      if (written > 0) {
        at += written
        continue
      }
      if (this.#target.isFull) return at
      this.#isCut ||= at > 0
      this.#lose(rest, this.#target.error)
      return piece.length
    }
    this.#tellLost()
    return at
  }

  #writeOrWait(bytes: Uint8Array): number {
    for (;;) {
      const written = this.#target.write(bytes)
      if (written > 0 || !this.#target.isFull || !this.#waitForReader()) return written
    }
  }

  /** A reader who is only slow is waited for, as far as patience goes. It comes back with time. */
  #waitForReader(): boolean {
    const before = performance.now()
    const regained = (before - this.#patienceAt) * WAITING_SHARE
    const patienceMs = Math.min(this.#patienceLeftMs + regained, this.#patienceMs)
    this.#patienceAt = before
    this.#patienceLeftMs = patienceMs
    if (patienceMs < 1) return false
    const isWritable = this.#target.waitUntilWritable(Math.floor(patienceMs))
    this.#patienceAt = performance.now()
    this.#patienceLeftMs = patienceMs - (this.#patienceAt - before)
    return isWritable
  }

  #schedule(): NodeJS.Timeout {
    const isStalled = this.#pending.copy().includes(NEWLINE)
    const timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#flush(!isStalled)
        if (this.#pending.length > 0) this.#timer ??= this.#schedule()
      },
      isStalled ? RETRY_MS : REST_OF_LINE_MS,
    )
    return timer.unref()
  }

  #lose(bytes: Uint8Array, why: string): void {
    let lines = 0
    for (const byte of bytes) if (byte === NEWLINE) lines++
    this.#pending.lost += Math.max(lines, 1)
    this.#lostOf = why
  }

  /** A reader who is always late must not be told so all the time. */
  #tellLost(isLast = false): void {
    const { lost } = this.#pending
    if (lost === 0) return
    const now = performance.now()
    if (!isLast && now - this.#toldAt < TELL_EVERY_MS) return
    this.#toldAt = now
    // First: to tell may be to write here.
    this.#pending.lost = 0
    this.#onLost(lost, this.#lostOf)
  }
}
