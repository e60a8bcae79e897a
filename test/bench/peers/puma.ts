import { join } from 'node:path'
import { findCommand } from './find-command.js'
import { freePort } from './free-port.js'
import { foreignFixture } from './paths.js'
import type { Candidate, Size } from './server.js'

/** Puma in cluster mode: forked workers, each with a pool of threads. */
export function puma({ processes, threads }: Size): Candidate {
  const name = 'puma'
  const command = findCommand('puma')
  if (command === undefined) return { name, missing: 'not installed (apt-get install puma)' }
  const args = ['-q', '-w', String(processes), '-t', `${threads}:${threads}`, '-e', 'production']
  const server = {
    name,
    threads: processes * threads,
    configuration: `puma ${args.join(' ')}`,
    works: ['hello', 'sleep'],
    transports: ['tcp', 'unix'],
    async launch(transport: string, folder: string) {
      const path = join(folder, 'puma.sock')
      const address = transport === 'unix' ? { path } : { port: await freePort() }
      const bind = 'port' in address ? `tcp://127.0.0.1:${address.port}` : `unix://${path}`
      return {
        command,
        args: [...args, '-b', bind, foreignFixture('work.ru')],
        cwd: folder,
        ready: { answers: address },
      }
    },
  } as const
  return { name, server }
}
