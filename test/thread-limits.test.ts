/** What a thread can't do: each row of the table in docs/programs.md. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { send } from './support/processes.js'
import { until } from './support/until.js'

const program = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'limits.cjs')

test('what concerns the whole process is refused or absent, and the thread goes on', async () => {
  const size = ['--processes', '1', '--threads', '1']
  await using running = startCli([program, '--listen', '127.0.0.1:0', ...size])
  const [url = ''] = await running.ready()
  for (const pid of running.children()) send(pid, 'SIGUSR2')
  const found = async (): Promise<Record<string, unknown>> => JSON.parse((await get(url)).body)
  await until(async () => (await found()).stdin === 'ended', 30_000, 'the end of stdin')
  const refused = 'ERR_WORKER_UNSUPPORTED_OPERATION'
  assert.equal(await found(), {
    chdir: refused,
    setuid: refused,
    setgid: refused,
    umask: refused,
    'umask to read': 'number',
    abort: refused,
    send: 'undefined',
    connected: 'undefined',
    stdin: 'ended',
    'a signal from outside': false,
  })
  assert.not.match(running.stderr, 'FT_ERR')
})

test.run()
