import { createRequire } from 'node:module'

/** The files in which the other processes and threads of a pool begin. */
type Entry = 'child/main' | 'worker/lease' | 'listener/main' | 'parker/main' | 'cli/config-reader'

const { resolve } = createRequire(import.meta.url)

/**
 * Its path. Looked up by the name that package.json gives to what is built ("imports"), since the code that asks stands in a
 * bundle, and not where its source stood.
 */
export function entryFile(entry: Entry): string {
  return resolve(`#dist/${entry}.js`)
}
