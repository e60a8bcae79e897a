import { readFileSync } from 'node:fs'
import { nodeCrypto } from './node-modules.js'

/** A file that a thread has loaded, and what it held then. */
export interface LoadedFile {
  readonly path: string
  readonly fingerprint: string
}

/** Of what a file holds; '' when it can't be read. */
export function fingerprint(path: string): string {
  try {
    return nodeCrypto().createHash('sha256').update(readFileSync(path)).digest('base64')
  } catch {
    return ''
  }
}
