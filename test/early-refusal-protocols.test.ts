/** Who waited too long, in each protocol: streams of HTTP/2, requests for an upgrade, raw connections. */
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import type { Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, keepAliveAgent, raw } from './support/http.js'
import { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const BLOCKED_MS = 2000
/** Far below, and far above the steps of the kernel's clock. */
const options = { queueTimeout: 300, keepAlive: 'pin' } as const

const isBlocked = (pool: Pool): Promise<unknown> =>
  until(
    () => pool.stats().processes[0]?.threads[0]?.inFlight === 1,
    30_000,
    'the only thread is blocked',
  )

test('HTTP/2: a stream gets 503 and retry-after, and the session lives on', async () => {
  await using serving = await serve('any-protocol', options)
  const session = connectHttp2(serving.url)
  const ask = (path: string): Promise<IncomingHttpHeaders> =>
    new Promise((resolve, reject) => {
      session.request({ ':path': path }).once('response', resolve).once('error', reject).resume()
    })
  assert.is((await ask('/0'))[':status'], 200)
  const block = ask(`/${BLOCKED_MS}`)
  await isBlocked(serving.pool)
  const late = await Promise.all([ask('/0'), ask('/0')])
  for (const headers of late) {
    assert.is(headers[':status'], 503)
    assert.is(headers['retry-after'], '1')
  }
  assert.is((await block)[':status'], 200)
  assert.is((await ask('/0'))[':status'], 200)
  assert.is(serving.pool.stats().totals.refused, 2)
  session.close()
})

test('an upgrade: 503 instead of 101, on a kept connection as on a new one', async () => {
  await using serving = await serve('any-protocol', options)
  const { pool, url, port } = serving
  const agent = keepAliveAgent(2)
  const upgrade = { agent, headers: { Connection: 'Upgrade', Upgrade: 'any' } }
  await Promise.all([get(`${url}/0`, { agent }), get(`${url}/0`, { agent })])
  const block = get(`${url}/${BLOCKED_MS}`, { agent })
  await isBlocked(pool)
  const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n'
  const [kept, fresh] = await Promise.all([get(url, upgrade), raw(port, head)])
  assert.is(kept.status, 503)
  assert.is(kept.headers['retry-after'], '1')
  assert.match(fresh.toString(), /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/)
  assert.is((await block).status, 200)
  assert.match((await raw(port, head)).toString(), /^HTTP\/1\.1 101 .*hello$/s)
  assert.is(pool.stats().totals.refused, 2)
  agent.destroy()
})

test('raw: closed without a word, before any code of the app', async () => {
  await using serving = await serve('any-protocol', { ...options, env: { ANY_PROTOCOL: 'raw' } })
  const { pool, port } = serving
  using block = await RawClient.connect(port)
  await block.write(String(BLOCKED_MS)).until(/begun/)
  const late = await raw(port, '0').then(String, (error: NodeJS.ErrnoException) => error.code)
  // Closed with a line unread, which is a reset.
  assert.ok(late === '' || late === 'ECONNRESET', late)
  assert.is(await block.end(), 'begun, served')
  assert.is(pool.stats().totals.refused, 1)
  assert.is((await raw(port, '0')).toString(), 'begun, served')
})

test.run()
