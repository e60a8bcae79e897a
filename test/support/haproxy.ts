import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tempFolder } from './temp-folder.js'
import { until } from './until.js'

/** A running haproxy in front of a server. Say `await using`. */
export interface Haproxy extends AsyncDisposable {
  readonly port: number
}

/** Starts haproxy with one frontend and one backend; `server` is what stands behind `server pool 127.0.0.1:PORT`. */
export async function startHaproxy(
  target: number,
  server: string,
  mode: 'http' | 'tcp' = 'http',
): Promise<Haproxy> {
  const folder = tempFolder()
  const port = await freePort()
  const limits = 'timeout connect 5s\n timeout client 30s\n timeout server 30s\n retries 0'
  const config = `defaults
 mode ${mode}
 ${limits}
frontend in
 bind 127.0.0.1:${port}
 default_backend out
backend out
 server pool 127.0.0.1:${target} ${server}
`
  writeFileSync(folder.file('haproxy.cfg'), config)
  const child: ChildProcess = spawn('haproxy', ['-db', '-f', folder.file('haproxy.cfg')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await until(() => isOpen(port), 20_000, 'haproxy is up')
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      folder[Symbol.dispose]()
    },
  }
}

/** Free a moment ago: programs that can't tell which port they got have to be given one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function isOpen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
