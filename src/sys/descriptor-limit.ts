import { readFileSync } from 'node:fs'

/** How many descriptors this process may have at a time (RLIMIT_NOFILE); Infinity where that is not told. */
export function descriptorLimit(): number {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(
      readFileSync('/proc/self/limits', 'latin1'),
    )
    const limit = Number(line?.[1])
    return limit > 0 ? limit : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
