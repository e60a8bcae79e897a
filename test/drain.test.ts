/** A pool that closes finishes what it has, refuses what comes, and leaves nothing behind. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  type ChildInfo,
  createPool,
  type ExitInfo,
  type ForkthreadError,
  type Pool,
} from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { openDescriptors } from './support/pool-processes.js'
import { descendants, send } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

// Pools of this file make their lock folders in here.
const temporary = mkdtempSync(join(tmpdir(), 'forkthread-test-'))
process.env.TMPDIR = temporary
test.after(() => rmSync(temporary, { recursive: true }))

const openAtStart = openDescriptors([process.pid])

/** No process, no lock folder, no descriptor of a pool, and nobody who listens. */
async function nothingIsLeft(port?: number): Promise<void> {
  assert.equal(descendants(process.pid), [])
  assert.equal(readdirSync(temporary), [])
  // The sockets of clients close a moment after the pool's.
  const isSame = () => isDeepStrictEqual(openDescriptors([process.pid]), openAtStart)
  await until(isSame, 30_000, 'the descriptors from before').catch(() =>
    assert.equal(openDescriptors([process.pid]), openAtStart),
  )
  if (port !== undefined) assert.ok(await isRefused(port))
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return (await new Promise((resolve) => {
    socket.once('connect', () => resolve(false))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  }).finally(() => socket.destroy())) as boolean
}

async function isBusy(pool: Pool, threads: number): Promise<void> {
  const inFlight = () => pool.stats().processes.flatMap((process) => process.threads)
  await until(
    () => inFlight().reduce((sum, thread) => sum + thread.inFlight, 0) === threads,
    LIMIT_MS,
    `${threads} requests in flight`,
  )
}

for (const acceptMutex of ['flock', 'none'] as const) {
  test(`close finishes what is in flight, closes what is idle at once, then refuses (${acceptMutex})`, async () => {
    await using serving = await serve('http', { processes: 2, threads: 2, acceptMutex })
    const { pool, port } = serving
    using idle = await RawClient.connect(port)
    await idle.write(ask('/')).until(/hello\n$/)
    // One response has not begun, the other one is half out.
    using slow = await RawClient.connect(port)
    slow.write(ask('/slow?ms=3000'))
    using chunked = await RawClient.connect(port)
    await chunked.write(ask('/chunks?count=30&ms=100')).until(/chunk 0\n/)
    await isBusy(pool, 2)

    let isClosed = false
    const closed = pool.close().then(() => {
      isClosed = true
    })
    await idle.end()
    await until(() => isRefused(port), LIMIT_MS, 'refusal of new connections')
    assert.not(isClosed)
    assert.not.match(slow.received, 'done', 'idle connections do not wait for busy ones')

    assert.match(await slow.end(), /\r\nConnection: close\r\n[\s\S]*done\n$/)
    assert.match(await chunked.end(), /chunk 29\n[\s\S]*last\n\r\n0\r\n\r\n$/)
    await within(closed, LIMIT_MS, 'close')
    assert.equal(serving.errors, [])
    await nothingIsLeft(port)
  })

  test(`close serves what waits in the backlog at that moment (${acceptMutex})`, async () => {
    await using serving = await serve('http', {
      ...{ processes: 2, threads: 1, acceptMutex, drainTimeout: 60_000 },
    })
    const { pool, port, url } = serving
    const blocked = [get(`${url}/block?ms=3000`), get(`${url}/block?ms=3000`)]
    await isBusy(pool, 2)
    const waiting = Array.from({ length: 20 }, () => get(`${url}/where`))
    const length = () => pool.stats().listeners[0]?.backlog.length ?? 0
    await until(() => length() === 20, LIMIT_MS, '20 connections in the backlog')
    await pool.close()
    for (const reply of await Promise.all([...blocked, ...waiting])) {
      assert.is(reply.status, 200)
      assert.is(reply.headers.connection, 'close')
    }
    await nothingIsLeft(port)
  })
}

test('a large response whose client reads slowly arrives whole', async () => {
  await using serving = await serve('http', { drainTimeout: 60_000 })
  const { pool, port } = serving
  const bytes = 20 * 1024 * 1024
  using client = await RawClient.connect(port)
  client.socket.pause()
  client.write(ask(`/bytes?count=${bytes}`))
  await isBusy(pool, 1)
  const closed = pool.close()
  await sleep(200)
  client.socket.resume()
  assert.ok((await client.end()).length > bytes)
  await closed
  await nothingIsLeft(port)
})

test('a request on an open connection is answered, and its connection closed, while others finish', async () => {
  await using serving = await serve('echo-body', { drainTimeout: 60_000 })
  const { pool, port } = serving
  const post = (bytes: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`
  using client = await RawClient.connect(port)
  // The second request arrives during the drain, behind a response that has begun and ends when its request does.
  await client.write(`${post(8)}half`).until(/half/)
  const closed = pool.close()
  await until(() => isRefused(port), LIMIT_MS, 'refusal of new connections')
  client.write(`rest${post(6)}hello\n`)
  assert.match(
    await client.end(),
    /rest\r\n0\r\n\r\nHTTP[\s\S]*Connection: close[\s\S]*hello\n\r\n0\r\n\r\n$/,
  )
  await closed
})

test('drainTimeout cuts off what does not end', async () => {
  await using serving = await serve('http', { drainTimeout: 600 })
  const { pool, port } = serving
  const exits: ExitInfo[] = []
  pool.on('exit', (exit) => exits.push(exit))
  using endless = await RawClient.connect(port)
  await endless.write(ask('/never')).until(/first\n/)
  const startedAt = performance.now()
  await pool.close()
  const ms = performance.now() - startedAt
  assert.ok(ms >= 590 && ms < 10_000, `${ms} ms`)
  assert.not.match(await endless.end(), '\r\n0\r\n\r\n')
  assert.is(exits.length, 1)
  assert.ok(exits[0]?.expected)
  // Who was cut off is told.
  const [cut] = serving.errors
  assert.is(cut?.code, 'FT_ERR_DRAIN_TIMEOUT')
  assert.match(String((cut?.cause as Error | undefined)?.message), /GET \/never/)
  await nothingIsLeft(port)
})

test('close may be called again and again; a closed pool has no statistics', async () => {
  await using serving = await serve('http')
  const { pool } = serving
  await Promise.all([pool.close(), pool.close()])
  await pool.close()
  assert.throws(
    () => pool.stats(),
    (error: ForkthreadError) => error.code === 'FT_ERR_CLOSED',
  )
  await nothingIsLeft()
})

test('an AbortSignal makes the start fail, before and during it', async () => {
  const reason = new Error('no longer wanted')
  // However quick the machine, it is still about to start.
  const handler = fixture('never-ready')
  const options = { handler, listen: '127.0.0.1:0', processes: 2, threads: 1 }
  const failure = (signal: AbortSignal) =>
    createPool({ ...options, signal }).then(
      () => undefined,
      (error: unknown) => error,
    )
  assert.is(await failure(AbortSignal.abort(reason)), reason)
  await nothingIsLeft()

  for (const delayMs of [0, 50, 150]) {
    const during = new AbortController()
    const failed = failure(during.signal)
    await sleep(delayMs)
    during.abort(reason)
    assert.is(await within(failed, LIMIT_MS, `failure after ${delayMs} ms`), reason)
    await nothingIsLeft()
  }
})

test('an AbortSignal closes a pool that serves, gracefully', async () => {
  const controller = new AbortController()
  await using serving = await serve('http', { signal: controller.signal })
  const { pool, port, url } = serving
  const slow = get(`${url}/slow?ms=1000`)
  await isBusy(pool, 1)
  controller.abort()
  assert.is((await slow).body, 'done\n')
  await pool.close()
  await nothingIsLeft(port)
})

test('await using closes the pool at the end of its block', async () => {
  let port = 0
  {
    await using pool = await createPool({
      handler: fixture('http'),
      listen: '127.0.0.1:0',
      processes: 1,
      threads: 1,
    })
    port = portOf(pool.address)
    assert.not(await isRefused(port))
  }
  await nothingIsLeft(port)
})

test('a child that dies is told of by exit and error, and its successor by child', async () => {
  await using serving = await serve('http', { processes: 2, threads: 1 })
  const { pool, port, url } = serving
  const [victim = 0, survivor] = pool.stats().processes.map(({ pid }) => pid)
  // Not `events.once`, which would take the error for its own.
  const exited = new Promise<ExitInfo>((resolve) => pool.once('exit', resolve))
  const failed = new Promise<Error>((resolve) => pool.once('error', resolve))
  // The first children are told of as well, right after the start.
  const born = new Promise<ChildInfo>((resolve) => {
    pool.on('child', (child) => {
      if (child.pid !== victim && child.pid !== survivor) resolve(child)
    })
  })
  send(victim, 'SIGKILL')
  const exit = await within(exited, LIMIT_MS, 'exit')
  assert.is(exit.pid, victim)
  assert.is(exit.signal, 'SIGKILL')
  assert.not(exit.expected)
  assert.ok(exit.livedMs > 0)
  assert.is(((await failed) as ForkthreadError).code, 'FT_ERR_CHILD_DIED')
  const child = await within(born, LIMIT_MS, 'child')
  assert.ok(child.pid !== victim && child.pid !== survivor)
  assert.equal(
    pool
      .stats()
      .processes.map(({ pid }) => pid)
      .sort(),
    [survivor, child.pid].sort(),
  )
  assert.is(pool.stats().totals.childDeaths, 1)

  const agent = new Agent({ keepAlive: true })
  assert.is((await get(url, { agent })).status, 200)
  const exits: ExitInfo[] = []
  pool.on('exit', (info) => exits.push(info))
  await pool.close()
  agent.destroy()
  assert.equal(
    exits.map(({ code, signal, expected }) => ({ code, signal, expected })),
    Array(2).fill({ code: 0, signal: null, expected: true }),
  )
  await nothingIsLeft(port)
})

test.run()
