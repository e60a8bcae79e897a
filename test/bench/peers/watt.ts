import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from './free-port.js'
import { fixture } from './paths.js'
import type { Candidate } from './server.js'

const run = promisify(execFile)
const FETCH_TIMEOUT_MS = 300_000
const NODE_AT_LEAST = [22, 19] as const
const packages = ['wattpm@3', '@platformatic/node@3']

/**
 * Watt (wattpm): one process, the workers are threads that listen on the same port each for itself. It is no
 * dependency: it is fetched from the npm registry into `folder`, some 150 MB, each time it is to be measured.
 */
export async function watt(
  threads: number,
  folder: string,
  isWanted: boolean,
  signal: AbortSignal,
): Promise<Candidate> {
  const name = 'watt'
  if (!runsHere()) {
    return { name, missing: `needs Node ${NODE_AT_LEAST.join('.')}, this is ${process.version}` }
  }
  if (!isWanted) return { name, missing: 'is fetched only with --watt' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages]
  try {
    await run('npm', install, { cwd: folder, timeout: FETCH_TIMEOUT_MS, signal })
  } catch (error) {
    return { name, missing: `npm could not fetch it: ${(error as Error).message.split('\n')[0]}` }
  }
  const cli = join(folder, 'node_modules', 'wattpm', 'bin', 'cli.js')
  const server = {
    name,
    threads,
    configuration: `wattpm start, "workers": ${threads}, "logger": { "level": "error" }`,
    works: ['hello', 'sleep', 'scrypt', 'markdown'],
    transports: ['tcp'],
    async launch() {
      const port = await freePort()
      writeFileSync(join(folder, 'app.js'), application)
      writeFileSync(join(folder, 'watt.json'), configuration(port, threads))
      return {
        command: process.execPath,
        args: [cli, 'start'],
        cwd: folder,
        ready: { answers: { port } },
      }
    },
  } as const
  return { name, server }
}

const application = `import { createServer } from 'node:http'
import handler from '${pathToFileURL(fixture('work')).href}'
export const create = () => createServer(handler)
`

const configuration = (port: number, workers: number): string =>
  JSON.stringify({
    $schema: 'https://schemas.platformatic.dev/@platformatic/node/3.0.0.json',
    node: { main: 'app.js' },
    runtime: {
      workers,
      server: { hostname: '127.0.0.1', port },
      logger: { level: 'error' },
    },
  })

function runsHere(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [leastMajor, leastMinor] = NODE_AT_LEAST
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
}
