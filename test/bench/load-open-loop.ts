import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Load, LoadResult } from './load.js'

const run = promisify(execFile)
const client = fileURLToPath(new URL('./open-loop-client.js', import.meta.url))

// Well below what one event loop can take on a slow core: the server sleeps between connections and pays
// for each wake-up, which a saturated server never does.
const RATE = 1000

/** A new connection for every request, at a fixed rate. */
export const fixedRate: Load = {
  name: 'fixed-rate',
  description: `${RATE} connections/s, one request each`,
  async run(port, seconds, signal) {
    const args = [client, port, RATE, seconds].map(String)
    const { stdout } = await run(process.execPath, args, { signal })
    return JSON.parse(stdout) as LoadResult
  },
}
