/** Whatever a handler does wrong in a request costs that request; outside of one, that thread. Nobody else notices. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get, keepAliveAgent } from './support/http.js'
import { fixture } from './support/paths.js'
import { RawClient } from './support/raw-client.js'
import { causeStack, type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

/** Reports are sent after the response: waits for `count` of them, and none may come beyond. */
async function reports(serving: Serving, count: number): Promise<void> {
  await until(() => serving.errors.length >= count, LIMIT_MS, `${count} reports`)
  // A duplicate would be under way now; this request's answer comes behind it.
  await get(`${serving.url}/thread`)
  await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  assert.is(serving.errors.length, count, serving.errors.map(({ message }) => message).join('\n'))
  const counted = () => serving.pool.stats().totals.errors
  await until(() => counted() >= count, LIMIT_MS, `${count} counted`)
  assert.is(counted(), count)
}

test('throw and reject give 500, one report with the stack, and a thread that goes on', async () => {
  await using serving = await serve('faulty')
  const agent = keepAliveAgent()
  const thread = (await get(`${serving.url}/thread`, { agent })).body
  let count = 0
  try {
    for (const path of ['/throw', '/reject', '/thenable', '/after-set-header', '/error-event']) {
      const reply = await get(serving.url + path, { agent })
      assert.is(reply.status, 500, path)
      assert.is(reply.body, 'Internal Server Error\n', 'the error itself is not for the client')
      assert.ok(reply.reusedConnection, 'and the connection is good for the next request')
      await reports(serving, ++count)
      const error = serving.errors.at(-1)
      assert.is(error?.code, 'FT_ERR_HANDLER')
      assert.match(String(error?.message), `GET ${path}: ${path}`)
      assert.match(causeStack(error), 'fixtures/faulty.js')
      assert.is((await get(`${serving.url}/thread`, { agent })).body, thread, path)
    }
  } finally {
    agent.destroy()
  }
})

test('the 500 has nothing of the response that was meant', async () => {
  await using serving = await serve('faulty')
  using client = await RawClient.connect(serving.port)
  await client.write(ask('/after-set-header')).until(/Internal Server Error\n$/)
  assert.match(client.received, /^HTTP\/1\.1 500 Internal Server Error\r\n/)
  assert.not.match(client.received, /secret/i)
  assert.match(client.received, /\r\nContent-Length: 22\r\n/i)
})

test('HEAD gets the head of the 500', async () => {
  await using serving = await serve('faulty')
  const reply = await get(`${serving.url}/throw`, { method: 'HEAD' })
  assert.is(reply.status, 500)
  assert.is(reply.body, '')
})

test('whatever is thrown can be reported', async () => {
  await using serving = await serve('faulty')
  let count = 0
  for (const path of ['/throw-text', '/throw-odd', '/cyclic-cause']) {
    assert.is((await get(serving.url + path)).status, 500, path)
    await reports(serving, ++count)
    assert.is(serving.errors.at(-1)?.code, 'FT_ERR_HANDLER')
  }
  assert.match(String(serving.errors[0]?.message), '/throw-text')
  assert.match(String(serving.errors[2]?.message), '/cyclic-cause')
})

test('a failure after the headers breaks the connection, so that no part passes for the whole', async () => {
  await using serving = await serve('faulty')
  let count = 0
  for (const path of ['/after-headers', '/after-headers-later', '/destroy', '/pipeline']) {
    using client = await RawClient.connect(serving.port)
    const received = await client.write(ask(path)).end()
    assert.not.match(received, '\r\n0\r\n\r\n', path)
    assert.not.match(received, '500', path)
    await reports(serving, ++count)
    assert.match(String(serving.errors.at(-1)?.message), `GET ${path}: ${path}`)
    assert.match(causeStack(serving.errors.at(-1)), 'fixtures/faulty.js')
  }
})

test('a failure after the end leaves the response whole', async () => {
  await using serving = await serve('faulty')
  assert.is((await get(`${serving.url}/after-end`)).body, 'complete')
  await reports(serving, 1)
  assert.is((await get(`${serving.url}/write-after-end`)).body, 'complete')
  await reports(serving, 2)
  assert.match(String(serving.errors[1]?.message), 'write after end')
})

test('a client that goes away in the middle is no failure', async () => {
  await using serving = await serve('faulty')
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    using client = await RawClient.connect(serving.port)
    await client.write(ask('/stream')).until(/xxx/)
    assert.is(serving.pool.stats().threads.busy, 1)
    client.socket[end]()
    await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
    // Nor is it one that the handler's streams reject because of it.
    using upload = await RawClient.connect(serving.port)
    const head = 'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf'
    await upload.write(head).until(/100 Continue/)
    upload.socket[end]()
    using download = await RawClient.connect(serving.port)
    await download.write(ask('/download')).until(/xxx/)
    download.socket[end]()
    await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  }
  await reports(serving, 0)
})

test('requests that are pipelined behind one whose client goes away end, too', async () => {
  await using serving = await serve('faulty')
  using client = await RawClient.connect(serving.port)
  await client.write(ask('/stream') + ask('/stream') + ask('/stream')).until(/xxx/)
  client.socket.destroy()
  await until(() => serving.pool.stats().threads.idle === 1, LIMIT_MS, 'idle')
  assert.is(serving.pool.stats().processes[0]?.threads[0]?.inFlight, 0)
})

test('many failures in a short time are counted all, and reported in bounds', async () => {
  await using serving = await serve('faulty')
  const agent = keepAliveAgent()
  for (let count = 0; count < 50; count++) await get(`${serving.url}/throw`, { agent })
  agent.destroy()
  await until(() => serving.pool.stats().totals.errors === 50, LIMIT_MS, '50 errors')
  assert.ok(serving.errors.length < 50, `${serving.errors.length} reports`)
})

test('the command logs one entry per failure, with the stack', async () => {
  const size = ['--processes', '1', '--threads', '1']
  await using program = startCli([fixture('faulty'), '--listen', '127.0.0.1:0', ...size])
  const [address = ''] = await program.ready()
  assert.is((await get(`${address}/throw`)).status, 500)
  await program.output(/FT_ERR_HANDLER[\s\S]*fixtures\/faulty\.js:\d+/, 'stderr')
  assert.is(program.stderr.match(/FT_ERR_HANDLER/g)?.length, 1)
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  assert.not.match(program.stdout, 'FT_ERR')
})

test('an uncaught exception outside a request ends its thread only, which is replaced', async () => {
  await using serving = await serve('faulty', { processes: 1, threads: 2 })
  // The slow request is in flight in one thread while the other one dies.
  using slow = await RawClient.connect(serving.port)
  const [, slowThread = ''] = await slow.write(ask('/slow')).until(/\r\n(\d+:\d+) /)
  using dying = await RawClient.connect(serving.port)
  await dying.write(ask('/uncaught')).until(/soon/)
  await until(() => serving.errors.length === 1, LIMIT_MS, 'report')
  const [error] = serving.errors
  assert.is(error?.code, 'FT_ERR_THREAD_DIED')
  assert.match(String(error?.message), '/uncaught')
  assert.match(causeStack(error), 'fixtures/faulty.js')
  await dying.end()

  await slow.until(/done/)
  const { pid } = serving.pool.stats().processes[0] ?? {}
  assert.ok(slowThread.startsWith(`${pid}:`), 'the process is the same one')
  await until(() => serving.pool.stats().threads.idle === 2, LIMIT_MS, 'two idle threads again')
  const { totals } = serving.pool.stats()
  assert.is(totals.threadDeaths, 1)
  assert.is(totals.childDeaths, 0)
  assert.is(totals.errors, 0)
  assert.is((await get(`${serving.url}/thread`)).status, 200)
  assert.is(serving.errors.length, 1)
})

test.run()
