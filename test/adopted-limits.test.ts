/** What limits threads and requests holds for programs as it does for handlers: recycling, blockedTimeout, time-outs. */
import { writeFileSync } from 'node:fs'
import { createPool, type ForkthreadError, type Pool, type PoolOptions } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, portOf } from './support/http.js'
import { RawClient } from './support/raw-client.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const APP = `import { createServer } from 'node:http'
import { threadId } from 'node:worker_threads'
createServer((request, response) => {
  if (request.url === '/block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000)
  response.end(String(threadId))
}).listen(3000)
`

interface Started extends AsyncDisposable {
  readonly pool: Pool
  readonly errors: readonly ForkthreadError[]
}

async function start(options: Partial<PoolOptions>): Promise<Started> {
  const folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  const handler = folder.file('app.mjs')
  const usual = { processes: 1, threads: 2, canaryTime: 0, shutdownIdleTimeout: 0 }
  const pool = await createPool({ handler, listen: '127.0.0.1:0', ...usual, ...options })
  const errors: ForkthreadError[] = []
  pool.on('error', (error) => errors.push(error as ForkthreadError))
  return {
    pool,
    errors,
    [Symbol.asyncDispose]: async () => {
      await pool.close()
      folder[Symbol.dispose]()
    },
  }
}

test('threads of a program are recycled, and no request fails', async () => {
  await using started = await start({ recycleRequests: 20 })
  const served = new Set<string>()
  await until(
    async () => {
      const replies = await Promise.all(Array.from({ length: 8 }, () => get(started.pool.address)))
      for (const { status, body } of replies) {
        assert.is(status, 200)
        served.add(body)
      }
      return served.size > 4
    },
    LIMIT_MS,
    'threads that have taken the place of others',
  )
  assert.equal(started.errors, [])
})

test('a thread of a program that blocks ends after blockedTimeout, the error names the request, and others serve', async () => {
  await using started = await start({ blockedTimeout: 2000 })
  const blocked = get(`${started.pool.address}/block`).then(
    () => 'answered',
    () => 'cut off',
  )
  assert.is(await blocked, 'cut off')
  await until(() => started.errors.length > 0, LIMIT_MS, 'the report')
  assert.match(String(started.errors[0]?.message), /GET \/block/)
  const serving = () =>
    started.pool.stats().processes.flatMap(({ threads }) => threads).length === 2
  await until(serving, LIMIT_MS, 'two threads again')
  assert.is((await get(started.pool.address)).status, 200)
})

test('a request of a program that does not come whole is answered with 408 by the time-out of the pool', async () => {
  await using started = await start({ headersTimeout: 300 })
  using client = await RawClient.connect(portOf(started.pool.address))
  client.write('GET / HTTP/1.1\r\nHost: x\r\n')
  await client.until(/^HTTP\/1\.1 408/)
})

test.run()
