/** The read-only address: what Prometheus reads, health, and no orders. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { local } from './support/certificates.js'
import { get, keepAliveAgent } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { type Serving, serve } from './support/serve.js'
import { secureGet } from './support/tls.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

async function scrape({ pool }: Serving, Accept = 'text/plain'): Promise<string> {
  const { body, status } = await get(`${pool.metricsAddress}/metrics`, { headers: { Accept } })
  assert.is(status, 200, body)
  return body
}

/** The sum of the samples of this name whose labels all are in the line. */
function sampled(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  let sum = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue
    if (wanted.every((label) => line.includes(label))) sum += Number(line.split(' ').at(-1))
  }
  return sum
}

const COUNT = 'http_server_request_duration_seconds_count'

/** A response counts when it is over, a moment after the client has it. */
async function untilCounted(serving: Serving, count: number): Promise<string> {
  let text = ''
  const isThere = async (): Promise<boolean> => {
    text = await scrape(serving)
    return sampled(text, COUNT) >= count
  }
  await until(isThere, 30_000, `${count} requests counted`)
  assert.is(sampled(text, COUNT), count, text)
  return text
}

test('requests by method, status, protocol and route', async () => {
  await using serving = await serve('routes', { metrics: '127.0.0.1:0', threads: 2 })
  const { url, pool } = serving
  const agent = keepAliveAgent()
  await get(`${url}/users/1`, { agent })
  await get(`${url}/users/2`, { agent, method: 'DELETE' })
  await get(`${url}/status/404`, { agent, method: 'PROPFIND' })
  agent.destroy()
  const session = connect(url)
  const stream = session.request({ ':path': '/users/3' })
  stream.resume()
  await new Promise((resolve) => stream.once('close', resolve))
  session.close()
  // A client that goes before there is an answer.
  await get(`${url}/wait`, { timeoutMs: 1000 }).catch(() => undefined)
  const text = await untilCounted(serving, 5)
  const route = { http_route: '/users/:id', http_response_status_code: '200', url_scheme: 'http' }
  const version = 'network_protocol_version'
  assert.is(sampled(text, COUNT, { ...route, http_request_method: 'GET', [version]: '1.1' }), 1)
  assert.is(sampled(text, COUNT, { ...route, http_request_method: 'GET', [version]: '2' }), 1)
  assert.is(sampled(text, COUNT, { ...route, http_request_method: 'DELETE' }), 1)
  assert.is(
    sampled(text, COUNT, { http_request_method: '_OTHER', http_response_status_code: '404' }),
    1,
  )
  assert.is(sampled(text, COUNT, { http_response_status_code: '499' }), 1)
  assert.not.match(text, /PROPFIND|\/wait|\/status/)
  const waited = sampled(text, 'http_server_request_duration_seconds_sum', {
    http_response_status_code: '499',
  })
  assert.ok(waited > 0.15 && waited < 10, String(waited))
  assert.is(sampled(text, 'forkthread_threads_max'), 2)
  assert.is(sampled(text, 'forkthread_queue_time_seconds_count'), 5)
  assert.ok(sampled(text, 'forkthread_handoff_seconds_count') >= 3)
  assert.ok(sampled(text, 'forkthread_sent_bytes_total') > 300)
  const { totals, duration } = pool.stats()
  assert.ok(totals.durationMs > 150 && duration.p99Ms > 100)
})

test('over TLS, too, in both protocols', async () => {
  const listen = 'https://127.0.0.1:0'
  await using serving = await serve('routes', { listen, tls: local, metrics: '127.0.0.1:0' })
  await secureGet(`${serving.url}/users/1`)
  const session = connect(serving.url, { rejectUnauthorized: false })
  const stream = session.request({ ':path': '/users/2', ':method': 'PURGE' })
  stream.resume()
  await new Promise((resolve) => stream.once('close', resolve))
  session.close()
  const text = await untilCounted(serving, 2)
  const route = { http_route: '/users/:id', url_scheme: 'https' }
  assert.is(sampled(text, COUNT, { ...route, network_protocol_version: '1.1' }), 1)
  const purge = { http_request_method: '_OTHER', network_protocol_version: '2' }
  assert.is(sampled(text, COUNT, { ...route, ...purge }), 1)
})

test('a change of protocol is a request with status 101', async () => {
  await using serving = await serve('web-socket', { metrics: '127.0.0.1:0' })
  const socket = new WebSocket(serving.url.replace('http', 'ws'))
  await once(socket, 'open')
  socket.close()
  await once(socket, 'close')
  const text = await untilCounted(serving, 1)
  assert.is(sampled(text, COUNT, { http_response_status_code: '101' }), 1)
})

test('a name for each path makes no metrics without end', async () => {
  await using serving = await serve('routes', { metrics: '127.0.0.1:0', threads: 2 })
  const agent = keepAliveAgent(4)
  const asked = Array.from({ length: 200 }, (_, index) =>
    get(`${serving.url}/any/${index}`, { agent }),
  )
  await Promise.all(asked)
  agent.destroy()
  const text = await untilCounted(serving, 200)
  const routes = new Set(text.match(/http_route="[^"]+"/g))
  assert.ok(routes.size <= 129, String(routes.size))
  assert.ok(sampled(text, COUNT, { http_route: '_OTHER' }) >= 71)
})

test('what was counted stays when threads and processes die and are replaced', async () => {
  const sizes = { processes: 2, threads: 2, canaryTime: 0, slowThreshold: 0, blockedTimeout: 0 }
  const resourceLimits = { maxOldGenerationSizeMb: 24 }
  await using serving = await serve('routes', { metrics: '127.0.0.1:0', ...sizes, resourceLimits })
  const { url, pool } = serving
  const ask = async (path: string): Promise<void> => {
    for (let asked = 0; asked < 5; asked++) await get(`${url}${path}`)
  }
  await ask('/users/1')
  const before = await untilCounted(serving, 5)
  const died = async (path: string, labels: Readonly<Record<string, string>>): Promise<void> => {
    await get(`${url}${path}`).catch(() => undefined)
    const isCounted = async (): Promise<boolean> =>
      sampled(await scrape(serving), 'forkthread_deaths_total', labels) === 1
    await until(isCounted, 30_000, `${path} counted`)
  }
  await died('/exit', { level: 'thread', cause: 'exit' })
  await died('/memory', { level: 'thread', cause: 'out_of_memory' })
  await died('/kill', { level: 'process', cause: 'SIGKILL' })
  await pool.reload()
  await ask('/users/2')
  const after = await untilCounted(serving, 10)
  assert.is(sampled(after, 'forkthread_reloads_total', { result: 'done' }), 1)
  assert.ok(sampled(after, 'forkthread_starts_total', { level: 'process' }) >= 4)
  for (const line of before.split('\n')) {
    const name = line.slice(0, line.lastIndexOf(' '))
    if (!/^\w+(_total|_bucket|_count|_sum)\b/.test(name) || name.includes('pid=')) continue
    const now = after.split('\n').find((each) => each.startsWith(`${name} `))
    assert.ok(now !== undefined, `${name} is gone`)
    assert.ok(Number(now.split(' ').at(-1)) >= Number(line.split(' ').at(-1)), `${line} → ${now}`)
  }
})

test('deaths and recyclings are told by their causes', async () => {
  const limits = { blockedTimeout: 1500, recycleRequests: 4, slowThreshold: 0 }
  await using serving = await serve('routes', {
    ...limits,
    metrics: '127.0.0.1:0',
    threads: 2,
  })
  const { url } = serving
  const isOne = (name: string, labels: Readonly<Record<string, string>>): Promise<unknown> =>
    until(
      async () => sampled(await scrape(serving), name, labels) >= 1,
      30_000,
      `${name} ${labels.cause}`,
    )
  await get(`${url}/block`).catch(() => undefined)
  await isOne('forkthread_deaths_total', { level: 'thread', cause: 'blocked' })
  for (let asked = 0; asked < 12; asked++) await get(url)
  await isOne('forkthread_recyclings_total', { level: 'thread', cause: 'requests' })
})

test('everything answers while every thread is stuck', async () => {
  const options = { metrics: '127.0.0.1:0', threads: 2, blockedTimeout: 0, slowThreshold: 0 }
  await using serving = await serve('routes', { ...options, drainTimeout: 100, backlog: 8 })
  const { url, pool } = serving
  const lost = Array.from({ length: 12 }, () =>
    get(`${url}/block`, { timeoutMs: 20_000 }).catch(() => undefined),
  )
  await until(() => pool.stats().threads.busy === 2, 30_000, 'all threads busy')
  const stuck = async (): Promise<boolean> => {
    const text = await scrape(serving)
    return sampled(text, 'nodejs_eventloop_utilization') === 2
  }
  await until(stuck, 30_000, 'both loops are seen to be blocked')
  const text = await scrape(serving)
  assert.is(sampled(text, 'forkthread_threads', { state: 'idle' }), 0)
  assert.ok(sampled(text, 'forkthread_accept_queue') > 0)
  assert.is(sampled(text, 'http_server_active_requests'), 2)
  assert.ok(sampled(text, 'process_open_fds') > 20)
  const html = { headers: { Accept: 'text/html' } }
  for (const [path, options] of [
    ['/', {}],
    ['/', html],
    ['/status.json', {}],
    ['/page.json', {}],
  ] as const)
    assert.is((await get(`${pool.metricsAddress}${path}`, options)).status, 200, path)
  await pool.kill()
  await Promise.all(lost)
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
  for (const path of ['/ready', '/live', '/status.json', '/slow.json', '/page.json'])
    assert.is((await get(`${metricsAddress}${path}`)).status, 200, path)
  const headers = { 'Content-Type': 'application/json' }
  for (const path of ['/stop', '/reload', '/upgrade', '/heap?thread=0.0'])
    assert.is((await get(`${metricsAddress}${path}`, { method: 'POST', headers })).status, 405)
  assert.is((await get(serving.url)).status, 200)
})

test('docs/metrics.md names every metric, and no other', async () => {
  await using serving = await serve('routes', { metrics: '127.0.0.1:0' })
  await get(serving.url)
  const text = await untilCounted(serving, 1)
  const page = readFileSync(join(packageRoot, 'docs', 'metrics.md'), 'utf8')
  const there = text.match(/(?<=^# TYPE )\w+/gm) ?? []
  const told = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
  // Only in a cgroup that has a limit.
  const some = ['forkthread_memory_bytes', 'forkthread_memory_limit_bytes']
  assert.equal(new Set(told), new Set([...there, ...some]))
  for (const line of text.split('\n')) {
    const [, name = '', labels = ''] = /^(\w+?)(?:_bucket|_sum|_count)?\{(.+)\}/.exec(line) ?? []
    const row = page.split('\n').find((each) => each.startsWith(`| \`${name}\``)) ?? ''
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g))
      if (label !== 'le') assert.ok(row.includes(`\`${label}\``), `${label} of ${name}`)
  }
})

testWith('promtool', 'promtool finds nothing wrong', async () => {
  await using serving = await serve('routes', { metrics: '127.0.0.1:0' })
  await get(`${serving.url}/users/1`)
  await untilCounted(serving, 1)
  const input = await scrape(serving)
  const { stderr, stdout, status } = spawnSync('promtool', ['check', 'metrics'], { input })
  assert.is(status, 0, `${stdout}${stderr}`)
  assert.is(String(stderr) + String(stdout), '')
})

test.run()
