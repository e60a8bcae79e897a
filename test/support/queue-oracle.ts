/**
 * What `stress.background.test.ts` and its threads share beside the child's memory. The "descriptors" are numbers, each made once:
 * the n-th of thread t is `n * STRIDE + t`.
 */
export const At = {
  stop: 0,
  /** How often a number came out that had come out before. */
  twice: 1,
  deaths: 2,
  served: 32,
  /** From here on: how many numbers each thread has made. A number is made before it is pushed. */
  made: 64,
} as const

export const STRIDE = 8
/** So that one byte per number fits into memory; a thread that has made its share makes no more. */
export const MOST_PER_THREAD = 2 ** 24

/** In the byte of a number: its maker died, so it may or may not have come into the queue. Below: how often it came out. */
const ORPHANED = 64

export interface QueueShare {
  readonly memory: SharedArrayBuffer
  readonly oracle: SharedArrayBuffer
  readonly taken: SharedArrayBuffer
}

export class Oracle {
  readonly words: Int32Array
  readonly #taken: Uint8Array

  constructor({ oracle, taken }: QueueShare) {
    this.words = new Int32Array(oracle)
    this.#taken = new Uint8Array(taken)
  }

  /** A new number, -1 when the share is used up. */
  make(thread: number): number {
    const n = Atomics.load(this.words, At.made + thread)
    if (n >= MOST_PER_THREAD) return -1
    Atomics.store(this.words, At.made + thread, n + 1)
    return n * STRIDE + thread
  }

  /** A number has come out of the queue. */
  serve(fd: number): void {
    if (this.isServed(fd)) Atomics.add(this.words, At.twice, 1)
    Atomics.add(this.#taken, fd, 1)
    Atomics.add(this.words, At.served, 1)
  }

  isServed(fd: number): boolean {
    return (Atomics.load(this.#taken, fd) & (ORPHANED - 1)) > 0
  }

  /** After the death of a thread: nobody knows how far its last number came, if it was not in hand. */
  orphan(thread: number): void {
    Atomics.add(this.words, At.deaths, 1)
    const made = Atomics.load(this.words, At.made + thread)
    if (made > 0) Atomics.or(this.#taken, (made - 1) * STRIDE + thread, ORPHANED)
  }

  get made(): number {
    let made = 0
    for (let t = 0; t < STRIDE; t++) made += Atomics.load(this.words, At.made + t)
    return made
  }

  get isUsedUp(): boolean {
    for (let t = 0; t < STRIDE; t++)
      if (Atomics.load(this.words, At.made + t) >= MOST_PER_THREAD) return true
    return false
  }

  /** How many numbers did not come out exactly once: of those whose maker died then, and of the others. */
  account(): { readonly orphansMissing: number; readonly othersWrong: number } {
    let orphansMissing = 0
    let othersWrong = 0
    for (let t = 0; t < STRIDE; t++) {
      const made = Atomics.load(this.words, At.made + t)
      for (let n = 0; n < made; n++) {
        const byte = this.#taken[n * STRIDE + t] ?? 0
        if (byte === ORPHANED) orphansMissing++
        else if ((byte & (ORPHANED - 1)) !== 1) othersWrong++
      }
    }
    return { orphansMissing, othersWrong }
  }
}
