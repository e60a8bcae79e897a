/** Sets of up to 32 threads in one word. */

export function bit(thread: number): number {
  return 1 << thread
}

/** How many bits are set (Hacker's Delight, 2nd edition, figure 5-2). */
export function count(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return (((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}

/** The thread with the lowest number; `bits` must not be empty. */
export function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
