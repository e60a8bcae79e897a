/** A parent that is killed can tell its children nothing: they notice, finish, leave, and tidy up after it. */
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get, portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { RawClient } from './support/raw-client.js'
import { until } from './support/until.js'

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

let temporary = ''
test.before.each(() => {
  temporary = mkdtempSync(join(tmpdir(), 'forkthread-test-'))
})
test.after.each(() => rmSync(temporary, { recursive: true, force: true }))

for (const acceptMutex of ['flock', 'none'] as const) {
  test(`children finish what is in flight, free the port, and take the lock folder along (${acceptMutex})`, async () => {
    const size = ['--processes', '2', '--threads', '1', '--accept-mutex', acceptMutex]
    await using program = startCli(
      [fixture('http'), '--listen', '127.0.0.1:0', '--admin', 'off', ...size],
      {
        env: { TMPDIR: temporary },
      },
    )
    const [address = ''] = await program.ready()
    const slow = get(`${address}/slow?ms=1500`)
    assert.is((await get(address)).status, 200)
    program.send('SIGKILL')
    await program.exit()
    assert.is((await slow).body, 'done\n')
    // Two seconds, and what a busy machine adds.
    await until(() => isFree(portOf(address)), 30_000, 'the port to be free')
    await program.gone(5_000)
    assert.equal(readdirSync(temporary), [])
  })
}

test('children cut off what does not end, after drainTimeout', async () => {
  const size = ['--processes', '1', '--threads', '1', '--drain-timeout', '500']
  await using program = startCli(
    [fixture('http'), '--listen', '127.0.0.1:0', '--admin', 'off', ...size],
    {
      env: { TMPDIR: temporary },
    },
  )
  const [address = ''] = await program.ready()
  using endless = await RawClient.connect(portOf(address))
  await endless.write(ask('/never')).until(/first\n/)
  program.send('SIGKILL')
  await endless.end(10_000)
  await program.gone(10_000)
  assert.equal(readdirSync(temporary), [])
})

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

test.run()
