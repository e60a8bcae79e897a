import { createRequire } from 'node:module'

/**
 * The files in which the other processes and threads of a pool begin. Those that each start waits for are CommonJS: Node's loader of modules takes longer,
 * and in a thread is needed only if the handler is one.
 */
type Entry =
  | 'child/main.cjs'
  | 'worker/lease.cjs'
  | 'listener/main.js'
  | 'parker/main.js'
  | 'cli/config-reader.js'

const { resolve } = createRequire(import.meta.url)

/**
 * Its path. Looked up by the name that package.json gives to what is built ("imports"), since the code that asks stands in a
 * bundle, and not where its source stood.
 */
export function entryFile(entry: Entry): string {
  return resolve(`#dist/${entry}`)
}
