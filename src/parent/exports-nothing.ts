import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Whether a module surely exports nothing, by its text: so it is a program, if anything. */
export function exportsNothing(handler: string): boolean {
  try {
    return !/\bexports?\b/.test(readFileSync(fileURLToPath(handler), 'utf8'))
  } catch {
    // Who loads it says what is wrong.
    return false
  }
}
