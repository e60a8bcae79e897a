/** Every kind of handler module is served, by code that runs in a worker thread of a forked child. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { get, raw } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { children } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { causeStack, serve } from './support/serve.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000

interface Place {
  readonly pid: number
  readonly threadId: number
  readonly isMainThread: boolean
}

/** In a worker thread of one of the forked children. */
function runsInAThread({ pid, threadId, isMainThread }: Place): void {
  assert.is.not(pid, process.pid)
  assert.ok(children(process.pid).includes(pid), `${pid} is a child of this process`)
  assert.not(isMainThread)
  assert.ok(threadId > 0)
}

test('a function (req, res) runs in a worker thread of a child', async () => {
  await using serving = await serve('http')
  runsInAThread(JSON.parse((await get(`${serving.url}/where`)).body))
  assert.is((await get(`${serving.url}/nowhere`)).status, 404)
})

test('an Express app is such a function', async () => {
  await using serving = await serve('express')
  const user = await get(`${serving.url}/users/7`)
  assert.equal(JSON.parse(user.body), { id: '7', ip: '127.0.0.1' })
  const sum = await get(`${serving.url}/sum`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '[1, 2, 3]',
  })
  assert.is(sum.body, '6')
  assert.is((await get(`${serving.url}/broken`)).status, 418)
  assert.is((await get(`${serving.url}/none`)).status, 404)
})

test('a fetch handler runs in a worker thread of a child', async () => {
  await using serving = await serve('fetch')
  const reply = await get(`${serving.url}/where`)
  assert.match(String(reply.headers['content-type']), 'application/json')
  runsInAThread(JSON.parse(reply.body))
  const { host } = new URL(serving.url)
  assert.is((await get(`${serving.url}/host`)).body, host)
})

test('a fetch handler streams up and down at the same time', async () => {
  await using serving = await serve('fetch')
  const outgoing = request(`${serving.url}/upper`, { method: 'POST', agent: false })
  outgoing.write('first ')
  const answered = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject)
  })
  // The request is not at its end yet, and the response begins.
  const incoming = await within(answered, LIMIT_MS, 'head of the response')
  let received = ''
  incoming.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  await until(() => received === 'FIRST ', LIMIT_MS, 'first chunk back')
  outgoing.end('second')
  await within(new Promise((resolve) => incoming.once('end', resolve)), LIMIT_MS, 'end')
  assert.is(received, 'FIRST SECOND')
  assert.is((await get(`${serving.url}/down`)).body, '3 2 1 ')
})

test('a fetch handler that throws, rejects or returns nothing gives 500 and an error report', async () => {
  await using serving = await serve('fetch')
  for (const path of ['/throw', '/reject', '/nothing', '/nothing-later']) {
    const reply = await get(serving.url + path, { timeoutMs: 5_000 })
    assert.is(reply.status, 500, path)
    assert.is(reply.body, 'Internal Server Error\n', 'the error itself is not for the client')
    const report = await until(
      () => serving.errors.find(({ message }) => message.includes(`GET ${path}:`)),
      LIMIT_MS,
      `report of ${path}`,
    )
    assert.is(report.code, 'FT_ERR_HANDLER')
  }
  assert.is(serving.errors.length, 4)
})

test('a fetch handler whose body fails breaks the connection, and is reported', async () => {
  await using serving = await serve('fetch')
  const reply = await raw(serving.port, 'GET /broken-body HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(reply.toString(), 'a part ')
  assert.not.match(reply.toString(), '\r\n0\r\n\r\n')
  await until(() => serving.errors.length > 0, LIMIT_MS, 'report')
  const [error] = serving.errors
  assert.is(error?.code, 'FT_ERR_HANDLER')
  assert.match(causeStack(error), 'fixtures/fetch.js')
  assert.is((await get(`${serving.url}/host`)).status, 200, 'and the thread goes on')
})

test('a Host header that makes no URL is answered with 400, and is no failure of the handler', async () => {
  await using serving = await serve('fetch')
  const bad = 'GET /host HTTP/1.1\r\nHost: a b/%\r\nConnection: close\r\n\r\n'
  assert.match((await raw(serving.port, bad)).toString(), /^HTTP\/1\.1 400 /)
  assert.is((await get(`${serving.url}/host`)).status, 200)
  assert.equal(serving.errors, [])
})

test('connection(socket) gets the raw connection in a worker thread', async () => {
  await using serving = await serve('raw')
  assert.match(serving.url, /^tcp:/)
  using client = await RawClient.connect(serving.port)
  const [, place = ''] = await client.write('where\n').until(/^(.*)\n/)
  runsInAThread(JSON.parse(place))
  await client.write('hello\n').until(/you said hello\n/)
  client.socket.end()
  await client.end()
})

test('a raw handler that throws or rejects loses its connection only, and is reported', async () => {
  for (const mode of ['throw', 'reject']) {
    await using serving = await serve('raw', { env: { RAW_MODE: mode } })
    // Twice: the thread lives on.
    for (const count of [1, 2]) {
      using client = await RawClient.connect(serving.port)
      await client.end()
      await until(() => serving.errors.length === count, LIMIT_MS, `report ${count}`)
      const error = serving.errors.at(-1)
      assert.is(error?.code, 'FT_ERR_HANDLER')
      assert.match(String(error?.message), `raw ${mode}`)
      assert.match(causeStack(error), 'fixtures/raw.js')
    }
    assert.is(serving.pool.stats().totals.threadDeaths, 0)
  }
})

test('setup gets the place of each thread before its first request, teardown runs on close', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forkthread-test-'))
  const log = join(folder, 'hooks')
  const lines = () =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  try {
    const serving = await serve('hooks', { processes: 2, threads: 2, env: { HOOKS_LOG: log } })
    const set = lines()
    assert.is(set.length, 4, 'all have run when the pool is ready')
    const reply = JSON.parse((await get(serving.url)).body)
    await serving.pool.close()

    const place = ({ process, thread }: { process: number; thread: number }) =>
      `${process}.${thread}`
    assert.equal(set.map(place).sort(), ['0.0', '0.1', '1.0', '1.1'])
    assert.ok(set.every(({ what, generation }) => what === 'setup' && generation === 0))
    for (const number of [0, 1]) {
      const pids = new Set(
        set.filter((context) => context.process === number).map(({ pid }) => pid),
      )
      assert.is(pids.size, 1, 'the threads of a process share its pid')
    }
    assert.ok(set.some((context) => place(context) === place(reply) && context.pid === reply.pid))
    const torn = lines().slice(4)
    assert.equal(torn.map(place).sort(), ['0.0', '0.1', '1.0', '1.1'])
    assert.ok(torn.every(({ what }) => what === 'teardown'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('upgrade serves WebSockets beside plain HTTP', async () => {
  await using serving = await serve('web-socket')
  const socket = new WebSocket(serving.url.replace('http', 'ws'))
  const echo = async (message: string | Buffer) => {
    const answered = new Promise<Buffer>((resolve, reject) => {
      socket.once('message', (data: Buffer) => resolve(data)).once('error', reject)
    })
    socket.send(message)
    return await within(answered, LIMIT_MS, 'echo')
  }
  await within(new Promise((resolve) => socket.once('open', resolve)), LIMIT_MS, 'open')
  assert.is(String(await echo('hello')), 'hello')
  const large = Buffer.alloc(300_000, 'forkthread')
  assert.ok(large.equals(await echo(large)))
  // The same and only thread answers others meanwhile.
  assert.is((await get(serving.url)).body, 'plain HTTP')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.close()
  await within(closed, LIMIT_MS, 'close')
})

test('an upgrade that throws, or whose client resets, costs one connection', async () => {
  await using serving = await serve('web-socket')
  const head = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  using thrown = await RawClient.connect(serving.port)
  await thrown.write(`GET /throw HTTP/1.1\r\nHost: a\r\n${head}${key}\r\n`).end()
  await until(() => serving.errors.length === 1, LIMIT_MS, 'report')
  assert.is(serving.errors[0]?.code, 'FT_ERR_HANDLER')

  using reset = await RawClient.connect(serving.port)
  await reset
    .write(`GET / HTTP/1.1\r\nHost: a\r\n${head}${key}\r\n`)
    .until(/101 Switching Protocols/)
  reset.socket.resetAndDestroy()
  assert.is((await get(serving.url)).body, 'plain HTTP')
  await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  assert.is(serving.errors.length, 1)
})

for (const [file, path] of [
  ['a function with hooks', 'common-js'],
  ['an object of methods', 'common-js-object'],
] as const) {
  test(`a CommonJS module may export ${file}`, async () => {
    await using pool = await createPool({
      handler: join(packageRoot, 'build', 'test', 'fixtures', `${path}.cjs`),
      listen: '127.0.0.1:0',
      processes: 1,
      threads: 1,
    })
    const port = Number(new URL(pool.address).port)
    const bytes =
      path === 'common-js' ? 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' : ''
    const reply = await raw(port, bytes)
    assert.match(reply.toString(), 'CommonJS, set up: true')
  })
}

test.run()
