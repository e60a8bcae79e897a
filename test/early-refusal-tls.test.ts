/** With TLS nobody can be answered before a handshake: what waits too long is closed, and the queue time is known all the same. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { local } from './support/certificates.js'
import { serve } from './support/serve.js'
import { secureGet } from './support/tls.js'
import { until } from './support/until.js'

test('what waits too long for its handshake is closed, and later ones are served', async () => {
  await using serving = await serve('slow-or-quick', {
    ...{ listen: 'https://127.0.0.1:0', tls: local, queueTimeout: 1000 },
  })
  const { pool, url } = serving
  const block = secureGet(`${url}/?ms=3500`)
  // A handshake makes the thread busy, too, but does not block it.
  const isBlocked = (): boolean => pool.stats().processes[0]?.threads[0]?.inFlight === 1
  await until(isBlocked, 30_000, 'the thread is blocked')
  const late = await secureGet(url).then(
    () => 'an answer',
    (error: { code?: string }) => error.code ?? 'an error',
  )
  assert.match(late, /^(ECONNRESET|EPIPE)$/)
  assert.is(pool.stats().totals.refused, 1)
  await block
  assert.ok(Number(await secureGet(url)) < 1000)
})

test.run()
