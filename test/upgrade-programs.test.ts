/** An upgrade of an unchanged program that listens in clear: its clients notice no more than they would of a reload. */
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { type Program, runCli, startCli } from './support/cli.js'
import { freePort } from './support/free-port.js'
import { get, keepAliveAgent } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const CLIENTS = 6

const talks = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'talks.cjs')
const SIZE = ['--processes', '2', '--threads', '2', '--canary-time', '100']

/** Clients that ask again and again, each on one connection; which parents have answered, and what failed. */
function crowd(url: string) {
  const parents = new Set<number>()
  const failures: string[] = []
  let isOver = false
  const client = async (): Promise<void> => {
    const agent = keepAliveAgent()
    while (!isOver)
      await get(url, { agent }).then(
        ({ body }) => parents.add(Number(body)),
        (error: Error) => failures.push(error.message),
      )
    agent.destroy()
  }
  const clients = Array.from({ length: CLIENTS }, client)
  const end = async (): Promise<void> => {
    isOver = true
    await Promise.all(clients)
  }
  return { parents, failures, end }
}

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'))
  await within(once(socket, 'open'), LIMIT_MS, 'open')
  return socket
}

/** Which parent echoes. */
async function echo(socket: WebSocket, message: string): Promise<number> {
  socket.send(message)
  const [text] = await within(once(socket, 'message'), LIMIT_MS, 'the echo')
  const [parent, echoed] = String(text).split(' ')
  assert.is(echoed, message)
  return Number(parent)
}

const upgrades: Readonly<Record<string, (program: Program, admin: string) => Promise<unknown>>> = {
  USR2: async (program) => program.send('SIGUSR2'),
  'the command': async (_, admin) => {
    const { code, stderr } = await runCli(['upgrade', '--admin', admin])
    assert.is(code, 0, stderr)
  },
}

for (const [way, upgrade] of Object.entries(upgrades))
  for (const isTold of [true, false])
    test(`${way}, ${isTold ? 'with' : 'without'} --listen: kept connections go on, a WebSocket until it is told`, async () => {
      using folder = tempFolder()
      const port = String(await freePort())
      const listen = isTold ? ['--listen', `127.0.0.1:${port}`] : []
      const admin = `unix:${folder.file('admin')}`
      const args = [talks, ...listen, ...SIZE, '--admin', admin]
      await using program = startCli(args, { env: isTold ? {} : { PORT: '', LISTEN: port } })
      const [url = ''] = await program.ready(1)
      assert.is(url, `http://127.0.0.1:${port}`)
      const clients = crowd(url)
      const socket = await open(url)
      assert.is(await echo(socket, 'before'), program.pid)
      const closed = once(socket, 'close')
      await upgrade(program, admin)
      const [code, reason] = await within(closed, LIMIT_MS, 'the goodbye')
      assert.equal([code, String(reason)], [1001, 'going away'])
      await until(() => !isRunning(program.pid), LIMIT_MS, 'the end of the old parent')
      const isAnsweredAnew = (): boolean => [...clients.parents].some((pid) => pid !== program.pid)
      await until(isAnsweredAnew, LIMIT_MS, 'an answer of the new parent')
      const [parent = 0] = [...clients.parents].filter((pid) => pid !== program.pid)
      program.adopt(parent)
      const again = await open(url)
      assert.is(await echo(again, 'after'), parent)
      again.terminate()
      // Once by each parent: the admin address of the old one is no place for the program.
      assert.equal(program.stdout.match(/listening on .*/g), Array(2).fill(`listening on ${url}`))
      await clients.end()
      assert.equal(clients.failures, [])
      assert.equal([...clients.parents].sort(), [program.pid, parent].sort())
    })

test.run()
