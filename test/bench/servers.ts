import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** How to start one competitor. Each prints `listening on http://127.0.0.1:PORT` and stops on TERM. */
export interface Server {
  readonly name: string
  /** Threads that run the handler, so that only equals are compared. */
  readonly eventLoops: number
  /** Arguments of `node`. */
  readonly args: readonly string[]
}

const fixture = (name: string): string =>
  fileURLToPath(new URL(`./fixtures/${name}.js`, import.meta.url))

// build/test/bench/servers.js → the package's root
const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

const cluster = (policy: 'rr' | 'none', workers: number): Server => ({
  name: `cluster-${policy}-${workers}`,
  eventLoops: workers,
  args: [fixture('node-cluster'), policy, String(workers)],
})

const pool = (processes: number, threads: number): Server => ({
  name: `forkthread-${processes}x${threads}`,
  eventLoops: processes * threads,
  args: [
    cli,
    fixture('hello'),
    '--listen',
    '127.0.0.1:0',
    '--processes',
    String(processes),
    '--threads',
    String(threads),
  ],
})

export const peers: readonly Server[] = [
  { name: 'node-http', eventLoops: 1, args: [fixture('node-http')] },
  cluster('rr', 2),
  cluster('none', 2),
]

export const pools: readonly Server[] = [pool(1, 1), pool(1, 2), pool(2, 1)]

/** Path of the command under test when it is not built; undefined when it is there. */
export const missingPool = (): string | undefined => (existsSync(cli) ? undefined : cli)
