/** Servers that an app has made are served as the pool's own: idle and busy, parked, timed, drained; of every kind. */
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import type { PoolOptions } from 'forkthread'
import { createPool, type ForkthreadError, type Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from './support/free-port.js'
import { get, keepAliveAgent } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { RawClient } from './support/raw-client.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const handler = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'servers.cjs')

async function serve(
  args: string[],
  listen: PoolOptions['listen'],
  options: Partial<PoolOptions> = {},
): Promise<Pool> {
  const size = { processes: 1, threads: 1, canaryTime: 50, drainTimeout: 5_000 }
  return await createPool({ handler, args, listen, ...size, ...options })
}

const threads = (pool: Pool) => pool.stats().processes.flatMap((process) => process.threads)

test('each server has the connections of its own port', async () => {
  const [http, net, h2c] = [await freePort(), await freePort(), await freePort()]
  const listen = [http, net, h2c].map((port) => `127.0.0.1:${port}`)
  await using pool = await serve([`http=${http}`, `net=${net}`, `h2c=${h2c}`], listen)
  assert.equal(pool.addresses, [
    `http://127.0.0.1:${http}`,
    `tcp://127.0.0.1:${net}`,
    `http://127.0.0.1:${h2c}`,
  ])
  assert.match((await get(`http://127.0.0.1:${http}/a`)).body, '"/a"')
  using raw = await RawClient.connect(net)
  await raw.until(/welcome\n/)
  const session = connectHttp2(`http://127.0.0.1:${h2c}`)
  const stream = session.request({ ':path': '/b' })
  let text = ''
  for await (const chunk of stream) text += chunk
  session.close()
  assert.is(text, '/b\n')
  // A raw connection counts as one request until it is closed.
  await until(() => threads(pool)[0]?.inFlight === 1, LIMIT_MS, 'one in flight')
  raw.socket.end()
  await until(() => threads(pool)[0]?.inFlight === 0, LIMIT_MS, 'idle')
})

test('an idle connection of HTTP/1.1 in clear is parked, and any thread resumes it', async () => {
  await using pool = await serve(['http=3000'], '127.0.0.1:0', { keepAlive: 'park', threads: 2 })
  const agent = keepAliveAgent()
  const parked = () => pool.stats().processes.some((process) => process.parked === 1)
  await until(
    async () => {
      assert.is((await get(pool.address, { agent })).status, 200)
      return parked()
    },
    LIMIT_MS,
    'a parked connection',
  )
  const reply = await get(pool.address, { agent })
  assert.ok(reply.reusedConnection)
  agent.destroy()
})

test('time-outs that the app has changed are its own, for the others those of the pool hold', async () => {
  const options = { keepAliveTimeout: 4321, headersTimeout: 9999 }
  await using pool = await serve(['http=3000'], '127.0.0.1:0', options)
  const found = JSON.parse((await get(pool.address)).body)
  assert.is(found.keepAliveTimeout, 4321)
  assert.is(found.headersTimeout, 1234)
})

test('a program that asks for a port is served at a unix path, and the other way round', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await using pool = await serve(['http=3000'], `unix:${path}`)
  assert.is(pool.address, `unix:${path}`)
  assert.match((await get('http://localhost/a', { socketPath: path })).body, '"/a"')
  await using other = await serve([`http=${folder.file('b.sock')}`], '127.0.0.1:0')
  assert.match((await get(`${other.address}/a`)).body, '"/a"')
})

test('maxConnections of the server holds in each thread', async () => {
  await using pool = await serve(['most=3000'], '127.0.0.1:0')
  const port = Number(new URL(pool.address.replace('tcp', 'http')).port)
  using first = await RawClient.connect(port)
  await first.until(/in\n/)
  using second = await RawClient.connect(port)
  assert.is(await second.end(), '')
  const [, told = ''] = await first.until(/in\n(.*)\n/)
  assert.is(JSON.parse(told).localPort, port)
  assert.is(JSON.parse(told).remoteAddress, '127.0.0.1')
  first.socket.end()
})

test('a blockList of the server lets nobody in from there, and the next may come', async () => {
  const port = await freePort()
  await using pool = await serve([`blocks=${port}`], `127.0.0.1:${port}`)
  for (const _ of [1, 2]) {
    using blocked = await RawClient.connect(port)
    assert.is(await blocked.end(), '')
  }
  await until(() => threads(pool)[0]?.connections === 0, LIMIT_MS, 'none is left')
})

test('a throw in a connection ends its thread, which is replaced', async () => {
  await using pool = await serve(['net=3000'], '127.0.0.1:0')
  const errors: ForkthreadError[] = []
  pool.on('error', (error) => errors.push(error as ForkthreadError))
  const port = Number(new URL(pool.address.replace('tcp', 'http')).port)
  using client = await RawClient.connect(port)
  client.write('throw')
  await client.end()
  await until(() => errors.length > 0, LIMIT_MS, 'the report')
  assert.is(errors[0]?.code, 'FT_ERR_THREAD_DIED')
  assert.match(String(errors[0]?.message), /a raw connection[\s\S]*thrown in a connection/)
  using next = await RawClient.connect(port)
  await next.until(/welcome\n/)
})

test('streams of HTTP/2 that are under way at a reload finish', async () => {
  await using pool = await serve(['h2c=3000'], '127.0.0.1:0')
  const session = connectHttp2(pool.address)
  await once(session, 'connect')
  const streams = Array.from({ length: 20 }, async (_, number) => {
    const stream = session.request({ ':path': `/${number}` })
    let text = ''
    for await (const chunk of stream) text += chunk
    return text
  })
  const gone = once(session, 'close')
  await until(() => (threads(pool)[0]?.inFlight ?? 0) > 0, LIMIT_MS, 'streams under way')
  await pool.reload()
  assert.equal(
    await Promise.all(streams),
    streams.map((_, number) => `/${number}\n`),
  )
  await gone
})

test.run()
