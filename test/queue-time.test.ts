import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, keepAliveAgent, raw } from './support/http.js'
import { type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

const BLOCK_MS = 1600
const LIMIT_MS = 30_000

/** The only thread is blocked; what comes back waits for the end of that. */
async function blocked({ pool, url }: Serving): Promise<() => Promise<unknown>> {
  // It may still end the connection of the request before.
  await until(() => pool.stats().threads.idle === 1, LIMIT_MS, 'an idle thread')
  const block = get(`${url}/?ms=${BLOCK_MS}`)
  await until(() => pool.stats().threads.busy === 1, LIMIT_MS, 'a block')
  return () => block
}

/** A request that is on its way while the only thread is blocked. */
async function behindABlock(serving: Serving): Promise<{ status: number; body: string }> {
  const block = await blocked(serving)
  const reply = await get(serving.url)
  await block()
  return reply
}

test('the handler, stats() and the histogram know what a request has waited in the backlog', async () => {
  await using serving = await serve('slow-or-quick')
  // On a busy machine an idle pool may be late, now and then.
  const isQuick = async (): Promise<boolean> => Number((await get(serving.url)).body) < BLOCK_MS / 4
  await until(isQuick, LIMIT_MS, 'an idle pool takes it soon')
  const late = await behindABlock(serving)
  assert.ok(Number(late.body) > BLOCK_MS / 4, `behind a block: ${late.body} ms`)
  const { p50Ms, p99Ms } = serving.pool.stats().queueTime
  assert.ok(p99Ms >= 100 && p50Ms <= p99Ms, `${p50Ms} and ${p99Ms}`)
})

test('a request on a connection that its thread keeps waits, too', async () => {
  await using serving = await serve('slow-or-quick', { keepAlive: 'pin' })
  const agent = keepAliveAgent()
  await get(serving.url, { agent })
  const block = await blocked(serving)
  const late = await get(serving.url, { agent })
  assert.ok(late.reusedConnection)
  assert.ok(Number(late.body) > BLOCK_MS / 4, `${late.body} ms`)
  await block()
  agent.destroy()
})

test('a client that takes its time has not waited for a thread', async () => {
  await using serving = await serve('slow-or-quick', { queueTimeout: 1500, deferAccept: false })
  const { connect } = await import('node:net')
  const socket = connect(serving.port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  await sleep(1700)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  await sleep(1700)
  socket.write('Connection: close\r\n\r\n')
  await until(() => answer.includes('\r\n\r\n'), 30_000, 'an answer')
  assert.ok(answer.startsWith('HTTP/1.1 200'), answer)
  socket.destroy()
})

test('what a proxy says counts only where it is trusted', async () => {
  const headers = { 'X-Request-Start': `t=${Date.now() - 5000}` }
  {
    await using serving = await serve('slow-or-quick')
    assert.ok(Number((await get(serving.url, { headers })).body) < 4000)
  }
  await using serving = await serve('slow-or-quick', { trustRequestStart: true })
  assert.ok(Number((await get(serving.url, { headers })).body) >= 5000)
})

test('the response tells it where that is asked for', async () => {
  {
    await using serving = await serve('slow-or-quick', { queueTimeHeader: 'x-queue-time' })
    assert.match(String((await get(serving.url)).headers['x-queue-time']), /^\d+(\.\d)?$/)
  }
  {
    await using serving = await serve('slow-or-quick', { queueTimeHeader: 'server-timing' })
    assert.match(
      String((await get(serving.url)).headers['server-timing']),
      /^queue;dur=\d+(\.\d)?$/,
    )
  }
  await using serving = await serve('slow-or-quick')
  const { headers } = await get(serving.url)
  assert.is(headers['x-queue-time'], undefined)
  assert.is(headers['server-timing'], undefined)
})

test('busyShare follows the load', async () => {
  await using serving = await serve('slow-or-quick')
  // Its start may still count.
  await until(() => serving.pool.stats().busyShare < 0.1, LIMIT_MS, 'idle')
  const load = Promise.all(Array.from({ length: 8 }, () => get(`${serving.url}/?ms=500`)))
  await until(() => serving.pool.stats().busyShare > 0.2, LIMIT_MS, 'busy')
  await load
  assert.is((await raw(serving.port, 'GET / HTTP/1.0\r\n\r\n')).toString().slice(9, 12), '200')
})

test.run()
