import { readFileSync } from 'node:fs'

/** A file that a thread has loaded, and what it held then. */
export interface LoadedFile {
  readonly path: string
  readonly fingerprint: string
}

/** Of what a file holds; '' when it can't be read. */
export function fingerprint(path: string): string {
  try {
    const bytes = readFileSync(path)
    return `${bytes.length}.${hash(bytes, 0x9e3779b9)}.${hash(bytes, 0x85ebca6b)}`
  } catch {
    return ''
  }
}

/**
 * FNV-1a (Fowler, Noll, Vo), begun with `seed`: the change of a file is to be noticed, and nobody feigns one. `node:crypto` would take a
 * start 4 ms, and the parent half a MiB.
 */
function hash(bytes: Uint8Array, seed: number): string {
  let state = seed
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193)
  return (state >>> 0).toString(36)
}
