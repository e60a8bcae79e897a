import { Word } from './child-memory.js'

/** Which listeners of this child speak HTTP in clear, so that anybody can answer there; 64 bits, one per listener. */
export class ClearHttp {
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory)
  }

  /** For the child's main thread, once its threads know what they serve. */
  note(kinds: readonly string[]): void {
    for (const [listener, kind] of kinds.entries())
      if (kind === 'http') Atomics.or(this.#words, wordOf(listener), 1 << (listener & 31))
  }

  /** A connection whose listener is forgotten (-1) was parked, and only HTTP in clear is. */
  includes(listener: number): boolean {
    if (listener < 0) return true
    return (Atomics.load(this.#words, wordOf(listener)) & (1 << (listener & 31))) !== 0
  }
}

function wordOf(listener: number): number {
  return listener < 32 ? Word.clearHttpLow : Word.clearHttpHigh
}
