import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The files in which the other processes and threads of a pool begin. Those that each start waits for are CommonJS: Node's loader of modules takes longer,
 * and in a thread is needed only if the handler is one.
 */
type Entry =
  | 'child/main.cjs'
  | 'thread/worker.js'
  | 'worker/lease.cjs'
  | 'listener/main.js'
  | 'parker/main.js'
  | 'cli/config-reader.js'

const BUILT = '/dist/'

/** A bundle of CommonJS has its path for this, a module its address. */
const own = import.meta.url.startsWith('file:') ? fileURLToPath(import.meta.url) : import.meta.url

/** Of what is built, wherever in it the bundle lies that holds this. To have Node look it up by "imports" of package.json takes 2 ms in each process. */
const folder = own.slice(0, own.lastIndexOf(BUILT) + BUILT.length)

/** Its path. */
export function entryFile(entry: Entry): string {
  return join(folder, entry)
}
