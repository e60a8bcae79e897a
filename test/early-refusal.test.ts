import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, keepAliveAgent, type Reply, raw } from './support/http.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const refused = ({ status }: Reply): boolean => status === 503

test('what waits too long is refused while every thread is blocked, and what is young is served', async () => {
  const ways = [
    { acceptMutex: 'none', keepAlive: 'auto' },
    { acceptMutex: 'flock', keepAlive: 'pin' },
  ] as const
  for (const way of ways) {
    await using serving = await serve('slow-or-quick', {
      ...{ ...way, queueTimeout: 1000, processes: 2 },
    })
    const { url, pool } = serving
    const blocks = [get(`${url}/?ms=3500`), get(`${url}/?ms=3500`)]
    await until(() => pool.stats().threads.idle === 0, 5000, 'both threads are blocked')
    const begin = performance.now()
    const late = await Promise.all(Array.from({ length: 20 }, () => get(url)))
    const tookMs = performance.now() - begin
    assert.ok(late.every(refused), `${late.map(({ status }) => status)}`)
    assert.is(late[0]?.headers['retry-after'], '1')
    assert.ok(tookMs < 3000, `refused while the threads are blocked, within ${tookMs} ms`)
    // Some that come shortly before a thread is free again.
    await sleep(Math.max(0, 3300 - (performance.now() - begin)))
    const young = await Promise.all(Array.from({ length: 4 }, () => get(url)))
    const statuses = young.map(({ status }) => status)
    assert.ok(
      statuses.every((status) => status === 200),
      `${way.acceptMutex} ${way.keepAlive}: ${statuses}`,
    )
    for (const { status } of await Promise.all(blocks)) assert.is(status, 200)
    assert.is(pool.stats().totals.refused, 20)
  }
})

test('requests on connections that a thread keeps are refused before the handler', async () => {
  await using serving = await serve('slow-or-quick', { keepAlive: 'pin', queueTimeout: 200 })
  const agent = keepAliveAgent(3)
  const warm = await Promise.all([1, 2, 3].map(() => get(serving.url, { agent })))
  assert.is(warm.filter(refused).length, 0)
  const block = get(`${serving.url}/?ms=800`, { agent })
  await sleep(100)
  const late = await Promise.all([get(serving.url, { agent }), get(serving.url, { agent })])
  assert.is(late.filter(refused).length, 2)
  assert.is(late.filter(({ reusedConnection }) => reusedConnection).length, 2)
  assert.is((await block).status, 200)
  // The connection lives on.
  const again = await get(serving.url, { agent })
  assert.is(again.status, 200)
  assert.ok(again.reusedConnection)
  agent.destroy()
})

test('at twice the capacity what is served was served in time, and as much as ever', async () => {
  const queueTimeout = 400
  const serviceMs = 20
  await using serving = await serve('slow-or-quick', { queueTimeout, keepAlive: 'auto' })
  const capacity = 1000 / serviceMs
  for (const overload of [2, 10]) {
    const times: number[] = []
    let served = 0
    let longestMs = 0
    let failed = 0
    let firstAt = 0
    let lastAt = 0
    const all: Promise<void>[] = []
    const seconds = overload === 2 ? 3 : 1.5
    const everyMs = 1000 / (capacity * overload)
    const begin = performance.now()
    const ask = async (): Promise<void> => {
      const sentAt = performance.now()
      const reply = await get(`${serving.url}/?ms=${serviceMs}`).catch(() => undefined)
      if (reply === undefined) failed++
      if (reply?.status !== 200) return
      served++
      longestMs = Math.max(longestMs, Number(reply.body))
      lastAt = performance.now()
      firstAt ||= lastAt
      times.push(lastAt - sentAt)
    }
    for (let sent = 0; performance.now() - begin < seconds * 1000; sent++) {
      const dueMs = begin + sent * everyMs - performance.now()
      if (dueMs > 1) await sleep(dueMs)
      all.push(ask())
    }
    await Promise.all(all)
    times.sort((a, b) => a - b)
    const p99 = times[Math.floor(times.length * 0.99)] ?? 0
    const goodput = served / ((lastAt - firstAt) / 1000)
    console.log(
      `${overload} x: ${all.length} sent, ${served} served (${goodput.toFixed(1)}/s of ${capacity}), p99 ${p99.toFixed()} ms, ${failed} failed`,
    )
    assert.is(failed, 0)
    // By the clock of the server: that of the client also counts what others on this machine do to the client. Goodput suffers from those, too.
    assert.ok(longestMs <= queueTimeout, `${longestMs} ms`)
    assert.ok(p99 < (queueTimeout + serviceMs) * 4, `p99 ${p99} ms`)
    assert.ok(goodput > capacity * 0.3, `${goodput}/s`)
    await sleep(queueTimeout)
    assert.is((await get(serving.url)).status, 200)
  }
})

test('maxConnections: one more gets 503, and one that ends makes room', async () => {
  await using serving = await serve('slow-or-quick', { maxConnections: 4, threads: 2 })
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const four = await Promise.all([1, 2, 3, 4].map(() => get(serving.url, { agent })))
  assert.is(four.filter(refused).length, 0)
  await until(() => connections(serving.pool.stats()) === 4, 5000, 'four are open')
  const fifth = await get(serving.url)
  assert.is(fifth.status, 503)
  assert.is(fifth.headers['retry-after'], '1')
  assert.is((await get(serving.url, { agent })).status, 200)
  agent.destroy()
  await until(() => connections(serving.pool.stats()) === 0, 5000, 'all are gone')
  assert.is((await get(serving.url)).status, 200)
})

test('maxConnections: also one that has not said anything', async () => {
  await using serving = await serve('slow-or-quick', { maxConnections: 2, deferAccept: false })
  const silent: Socket[] = [1, 2].map(() => connect(serving.port, '127.0.0.1'))
  await until(() => connections(serving.pool.stats()) === 2, 5000, 'two are open')
  const answer = await raw(serving.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(answer.toString(), /^HTTP\/1\.1 503 /)
  for (const socket of silent) socket.destroy()
})

test('raw connections that waited too long are closed, since nobody knows what to say', async () => {
  await using serving = await serve('raw', { queueTimeout: 200, keepAlive: 'pin' })
  assert.ok((await raw(serving.port, 'hello', { halfClose: true })).length > 0)
})

function connections(stats: {
  readonly processes: readonly { readonly threads: readonly { readonly connections: number }[] }[]
}): number {
  return stats.processes
    .flatMap(({ threads }) => threads)
    .reduce((sum, t) => sum + t.connections, 0)
}

test.run()
