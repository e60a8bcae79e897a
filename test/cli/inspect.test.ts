/** DevTools on a handler's thread, a quiet start under NODE_OPTIONS, and the names of processes and threads. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { startCli } from '../support/cli.js'
import { fixture } from '../support/paths.js'
import { readOfThreads } from '../support/processes.js'

const app = fixture('echo-body')
const small = ['--listen', '127.0.0.1:0', '--processes', '2', '--threads', '2']

test('--inspect opens the inspector of a thread that runs the handler', async () => {
  await using program = startCli([app, ...small, '--inspect=0'])
  await program.ready()
  const [, url = ''] = await program.output(/listening on (ws:\S+)/, 'stderr')
  const socket = new WebSocket(url)
  await once(socket, 'open')
  const expression = 'process.argv[1]'
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
  const [answer] = await once(socket, 'message')
  assert.is(JSON.parse(String(answer)).result.result.value, app)
  socket.close()
})

test('NODE_OPTIONS=--inspect is for the parent, and no child asks for its port', async () => {
  const env = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }
  await using program = startCli([app, ...small], { env })
  await program.ready()
  assert.is(program.stderr.match(/Debugger listening/g)?.length, 1)
  assert.not.match(program.stderr, 'address already in use')
})

if (process.platform === 'linux')
  test('processes and threads have names', async () => {
    // Without a mutex there is no listener thread.
    await using program = startCli([app, ...small, '--accept-mutex', 'flock'])
    await program.ready()
    const titleOf = (pid: number): string =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '')
    assert.match(titleOf(program.pid), /^forkthread: parent echo-body\.js/)
    const children = program.children()
    for (const pid of children)
      assert.match(titleOf(pid), /^forkthread: child [01] \(generation 0\)/)
    const names = readOfThreads(children[0] ?? 0, 'comm').map((name) => name.trim())
    for (const name of ['ft-listener', 'ft-worker-0', 'ft-worker-1'])
      assert.ok(names.includes(name), names.join(' '))
  })

test.run()
