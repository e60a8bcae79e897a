import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { fail } from '../shared/errors.js'

/**
 * `cluster.fork()` fails in a thread: each would fork for itself, and the children would serve what no pool knows of. To load the module
 * costs 5 ms, so it is only done where the handler module names it.
 */
export function refuseClusterForks(handler: string): void {
  if (!readFileSync(fileURLToPath(handler), 'utf8').includes('cluster')) return
  const cluster = createRequire(import.meta.url)('node:cluster') as { fork: () => never }
  cluster.fork = () => {
    throw fail('FT_ERR_CLUSTER', [])
  }
}
