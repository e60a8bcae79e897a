/** HTTP/1.1 as clients know it from node:http: nothing is lost because connections are accepted elsewhere. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import httpFixture from './fixtures/http.js'
import { get, keepAliveAgent, raw } from './support/http.js'
import { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { runTool, testWith } from './support/tools.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const LARGE = 10 * 1024 * 1024

/** How often Node looks for late headers and requests when a limit is below two seconds. */
const CHECK_MS = 1_000
/** What a machine that is busy with other tests may add to anything. */
const SLACK_MS = 10_000

const ask = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('one connection serves request after request, by one thread', async () => {
  await using serving = await serve('http', { processes: 2, threads: 2 })
  const agent = keepAliveAgent()
  try {
    const places = new Set<string>()
    for (let count = 0; count < 20; count++) {
      const reply = await get(`${serving.url}/where`, { agent })
      assert.is(reply.status, 200)
      assert.is(reply.headers.connection, 'keep-alive')
      assert.is(reply.reusedConnection, count > 0)
      const { pid, threadId } = JSON.parse(reply.body)
      places.add(`${pid}:${threadId}`)
    }
    assert.is(places.size, 1)
  } finally {
    agent.destroy()
  }
})

test('HTTP/1.0 and Connection: close end the connection', async () => {
  await using serving = await serve('http')
  assert.match(String(await raw(serving.port, 'GET / HTTP/1.0\r\n\r\n')), /hello\n$/)
  const closing = await raw(serving.port, ask('/', 'Connection: close\r\n'))
  assert.match(String(closing), /hello\n$/)
})

test('pipelined requests are answered in their order', async () => {
  await using serving = await serve('http')
  using client = await RawClient.connect(serving.port)
  const paths = ['/slow?ms=100', '/bytes?count=5', '/slow?ms=10', '/']
  await client.write(paths.map((path) => ask(path)).join('')).until(/hello\n$/)
  const bodies = client.received
    .split('HTTP/1.1 200 ')
    .slice(1)
    .map((reply) => reply.slice(reply.indexOf('\r\n\r\n') + 4))
  assert.equal(bodies, ['done\n', 'forkt', 'done\n', 'hello\n'])
  await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  assert.is(serving.pool.stats().totals.requests, 4)
})

test('HEAD has the head of GET and no body', async () => {
  await using serving = await serve('http')
  using client = await RawClient.connect(serving.port)
  client.write(ask('/').replace('GET', 'HEAD') + ask('/', 'Connection: close\r\n'))
  const [head = '', rest = ''] = (await client.end()).split(/\r\n\r\n(?=HTTP)/)
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 6/)
  assert.match(rest, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhello\n$/)
})

test('chunked bodies go up and down', async () => {
  await using serving = await serve('http')
  using client = await RawClient.connect(serving.port)
  client.write('POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.write('5\r\nhello\r\n').until(/5\r\nhello\r\n/)
  await client.write('3\r\nyou\r\n').until(/3\r\nyou\r\n/)
  await client.write('0\r\n\r\n').until(/0\r\n\r\n$/)
  assert.match(client.received, /\r\nTransfer-Encoding: chunked\r\n/)
})

test('Expect: 100-continue gets its go-ahead before the body', async () => {
  await using serving = await serve('http')
  using client = await RawClient.connect(serving.port)
  client.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n')
  await client.write('Expect: 100-continue\r\n\r\n').until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
  await client.write('body').until(/HTTP\/1\.1 200 OK[\s\S]*body\r\n0\r\n\r\n$/)
})

test('10 MB go up, down, and both at once, unchanged', async () => {
  await using serving = await serve('http')
  const bytes = Buffer.alloc(LARGE, 'forkthread')
  const up = await get(`${serving.url}/digest`, { method: 'POST', body: bytes })
  assert.equal(JSON.parse(up.body), { bytes: LARGE, digest: sha256(bytes) })
  const down = await get(`${serving.url}/bytes?count=${LARGE}`)
  assert.is(sha256(Buffer.from(down.body)), sha256(bytes))
  const both = await get(`${serving.url}/echo`, { method: 'POST', body: bytes })
  assert.is(sha256(Buffer.from(both.body)), sha256(bytes))
})

test('a client that closes its sending side is answered exactly where node:http answers it', async () => {
  await using serving = await serve('http')
  const plain = createServer(httpFixture).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const { port } = plain.address() as AddressInfo
  const statuses = async (target: number) => {
    const seen = []
    for (const path of ['/', '/bytes?count=100000', '/slow?ms=200', '/never']) {
      const received = await raw(target, ask(path), { halfClose: true })
      seen.push(`${path} ${received.subarray(0, 12)} ${received.subarray(-5)}`)
    }
    return seen
  }
  try {
    const seen = await statuses(serving.port)
    assert.match(String(seen[0]), /200 ello\n$/)
    assert.equal(seen, await statuses(port))
  } finally {
    plain.close()
  }
  await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  assert.is(serving.pool.stats().processes[0]?.threads[0]?.connections, 0)
})

test('remoteAddress is the client', async () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === '::1'),
  )
  const listen = ['127.0.0.1:0', ...(hasIpv6 ? ['[::1]:0'] : [])]
  await using serving = await serve('http', { listen })
  const seen = []
  for (const url of serving.pool.addresses) {
    const { remoteAddress, remoteFamily } = JSON.parse((await get(`${url}/where`)).body)
    seen.push(`${remoteFamily} ${remoteAddress}`)
  }
  assert.equal(seen, ['IPv4 127.0.0.1', ...(hasIpv6 ? ['IPv6 ::1'] : [])])
})

test('a small write does not wait for the acknowledgement of the one before (Nagle)', async () => {
  await using serving = await serve('http')
  const agent = keepAliveAgent()
  const times: number[] = []
  try {
    // The system acknowledges at once at the beginning of a connection; later it waits for 40 ms.
    for (let count = 0; count < 40; count++) {
      const startedAt = performance.now()
      assert.is((await get(`${serving.url}/two-writes`, { agent })).body, 'one two')
      times.push(performance.now() - startedAt)
    }
  } finally {
    agent.destroy()
  }
  const late = times.slice(20).sort((a, b) => a - b)
  // A busy machine makes some late, but each would wait for the acknowledgement.
  const quarter = late[late.length / 4] ?? 0
  assert.ok(quarter < 30, `${quarter.toFixed(1)} ms per request`)
})

test('late headers, late bodies and idle connections are ended, each at its own limit', async () => {
  const limits = { headersTimeout: 600, requestTimeout: 1_200, keepAliveTimeout: 500 }
  await using serving = await serve('http', limits)
  const timed = async (bytes: string) => {
    using client = await RawClient.connect(serving.port)
    const startedAt = performance.now()
    const received = await client.write(bytes).end()
    return { received, ms: performance.now() - startedAt }
  }
  const [headers, request, silent, idle] = await Promise.all([
    timed('GET / HTTP/1.1\r\nHost: a\r\n'),
    timed('POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf'),
    timed(''),
    timed(ask('/')),
  ])
  const between = (name: string, ms: number, least: number) => {
    // Node rounds to its own clock ticks.
    assert.ok(ms > least * 0.9, `${name} after ${ms} ms`)
    assert.ok(ms < least + CHECK_MS + SLACK_MS, `${name} after ${ms} ms`)
  }
  assert.match(headers.received, /^HTTP\/1\.1 408 /)
  between('headers', headers.ms, limits.headersTimeout)
  assert.match(request.received, /^HTTP\/1\.1 408 /)
  between('request', request.ms, limits.requestTimeout)
  assert.match(silent.received, /^(HTTP\/1\.1 408 |$)/)
  between('silent', silent.ms, limits.headersTimeout)
  assert.match(idle.received, /hello\n$/)
  between('keep-alive', idle.ms, limits.keepAliveTimeout)

  await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  assert.is(serving.pool.stats().processes[0]?.threads[0]?.connections, 0)
  assert.equal(serving.errors, [])
})

test('clients that send their headers slowly, or nothing, keep nobody else from being served', async () => {
  await using serving = await serve('http', { requestTimeout: 20_000, headersTimeout: 20_000 })
  const slow = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const client = await RawClient.connect(serving.port)
      // Every third one stays silent.
      return index % 3 === 0 ? client : client.write('GET / HTTP/1.1\r\nHost: a\r\n')
    }),
  )
  const drip = setInterval(() => {
    for (const [index, client] of slow.entries()) if (index % 3 === 1) client.write('X-A: b\r\n')
  }, 50)
  try {
    const times: number[] = []
    for (let count = 0; count < 20; count++) {
      const startedAt = performance.now()
      assert.is((await get(serving.url)).body, 'hello\n')
      times.push(performance.now() - startedAt)
    }
    assert.ok(Math.max(...times) < 10_000, `${Math.max(...times).toFixed(0)} ms`)
    assert.ok(
      slow.every(({ socket }) => !socket.destroyed),
      'while all of them were connected',
    )
    // And who finishes late is served, too.
    await slow[1]?.write('\r\n').until(/hello\n$/)
  } finally {
    clearInterval(drip)
    for (const client of slow) client[Symbol.dispose]()
  }
})

testWith('slowhttptest', 'slowhttptest can not hold a pool with a single thread', async () => {
  const attacks = {
    'slow headers': ['-H'],
    'slow body': ['-B'],
    'slow reading': ['-X', '-w', '10', '-y', '20', '-z', '5'],
  }
  for (const [name, kind] of Object.entries(attacks)) {
    await using serving = await serve('http')
    const rates = ['-c', '200', '-r', '200', '-i', '1', '-x', '10', '-p', '2', '-l', '4']
    let isOver = false
    const attack = runTool('slowhttptest', [...kind, ...rates, '-u', `${serving.url}/`]).finally(
      () => {
        isOver = true
      },
    )
    let worst = 0
    let served = 0
    while (!isOver) {
      const startedAt = performance.now()
      assert.is((await get(serving.url)).status, 200, name)
      worst = Math.max(worst, performance.now() - startedAt)
      served++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const report = await attack
    assert.match(report, /service available:.*YES/, name)
    assert.ok(served > 5, `${served} requests served beside: ${name}`)
    assert.ok(worst < 5_000, `${worst.toFixed(0)} ms beside: ${name}`)
  }
})

test('a unix socket is served like a port, and gone at the end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forkthread-test-'))
  const socketPath = join(folder, 'app.sock')
  try {
    await using serving = await serve('http', {
      listen: [`unix:${socketPath}`, '127.0.0.1:0'],
      threads: 2,
    })
    assert.equal(serving.pool.addresses[0], `unix:${socketPath}`)
    const agent = keepAliveAgent()
    for (let count = 0; count < 3; count++) {
      const reply = await get('http://localhost/where', { socketPath, agent })
      assert.is(JSON.parse(reply.body).remoteAddress, undefined)
      assert.is(reply.reusedConnection, count > 0)
    }
    agent.destroy()
    const body = Buffer.alloc(LARGE, 'forkthread')
    const reply = await get('http://localhost/digest', { socketPath, method: 'POST', body })
    assert.is(JSON.parse(reply.body).digest, sha256(body))
    const closing = ask('/slow?ms=50', 'Connection: close\r\n')
    assert.match(String(await raw(socketPath, closing)), /done\n$/)
    await serving.pool.close()
    assert.not(existsSync(socketPath))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
