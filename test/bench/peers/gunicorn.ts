import { dirname, join } from 'node:path'
import { findCommand } from './find-command.js'
import { freePort } from './free-port.js'
import { foreignFixture } from './paths.js'
import type { Candidate, Size } from './server.js'

/** gunicorn with its gthread workers: forked processes, each with a pool of threads. */
export function gunicorn({ processes, threads }: Size): Candidate {
  const name = 'gunicorn-gthread'
  const command = findCommand('gunicorn')
  if (command === undefined) return { name, missing: 'not installed (apt-get install gunicorn)' }
  const args = ['-k', 'gthread', '-w', String(processes), '--threads', String(threads)]
  const server = {
    name,
    threads: processes * threads,
    configuration: `gunicorn ${args.join(' ')} --keep-alive 60 --backlog 1024`,
    works: ['hello', 'sleep'],
    transports: ['tcp', 'unix'],
    async launch(transport: string, folder: string) {
      const path = join(folder, 'gunicorn.sock')
      const address = transport === 'unix' ? { path } : { port: await freePort() }
      const bind = 'port' in address ? `127.0.0.1:${address.port}` : `unix:${path}`
      const common = ['--keep-alive', '60', '--backlog', '1024', '--log-level', 'error']
      const python = ['--chdir', dirname(foreignFixture('work.py')), '-b', bind, 'work:app']
      return {
        command,
        args: [...args, ...common, ...python],
        // Without it Python leaves a folder of compiled code beside the source.
        env: { PYTHONDONTWRITEBYTECODE: '1' },
        ready: { answers: address },
      }
    },
  } as const
  return { name, server }
}
