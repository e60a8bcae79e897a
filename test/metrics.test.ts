/** The read-only address: Prometheus' text format, health, and no orders. */
import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { serve } from './support/serve.js'
import { testWith } from './support/tools.js'

test('/metrics tells of threads, queue time and totals', async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0', threads: 2 })
  const { url, pool } = serving
  for (let asked = 0; asked < 3; asked++) await get(url)
  const { body, headers, status } = await get(`${pool.metricsAddress}/metrics`)
  assert.is(status, 200)
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(body, /^forkthread_threads_max 2$/m)
  assert.match(body, /^forkthread_queue_time_seconds_bucket\{le="0.005"\} \d$/m)
  assert.match(body, /^forkthread_queue_time_seconds_bucket\{le="\+Inf"\} 3$/m)
  assert.match(body, /^forkthread_queue_time_seconds_count 3$/m)
  assert.match(body, /^forkthread_busy_share [\d.]+$/m)
  assert.match(body, /^forkthread_backlog\{listener="http:\/\/127\.0\.0\.1:\d+"\} 0$/m)
  assert.match(body, /^process_resident_memory_bytes\{pid="\d+"\} \d+$/m)
})

test('OpenMetrics for who asks for it', async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0' })
  const Accept = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3'
  const { body, headers } = await get(`${serving.pool.metricsAddress}/metrics`, {
    headers: { Accept },
  })
  assert.match(headers['content-type'] ?? '', /^application\/openmetrics-text; version=1\.0\.0/)
  assert.match(body, /^# TYPE forkthread_requests counter$/m)
  assert.match(body, /^forkthread_requests_total \d+$/m)
  assert.match(body, /_bucket\{le="10\.0"\} /)
  assert.ok(body.endsWith('\n# EOF\n'))
})

test('it reads and takes no orders', async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0' })
  const { metricsAddress } = serving.pool
  for (const path of ['/ready', '/live', '/status.json', '/slow.json'])
    assert.is((await get(`${metricsAddress}${path}`)).status, 200, path)
  const headers = { 'Content-Type': 'application/json' }
  for (const path of ['/stop', '/reload', '/upgrade', '/heap?thread=0.0'])
    assert.is((await get(`${metricsAddress}${path}`, { method: 'POST', headers })).status, 405)
  assert.is((await get(serving.url)).status, 200)
})

testWith('promtool', 'promtool finds nothing wrong', async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0' })
  await get(serving.url)
  const { body: input } = await get(`${serving.pool.metricsAddress}/metrics`)
  const { stderr, stdout, status } = spawnSync('promtool', ['check', 'metrics'], { input })
  assert.is(status, 0, `${stdout}${stderr}`)
})

test.run()
