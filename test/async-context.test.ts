/** No connection begins in the context of another one's request: `AsyncLocalStorage` and `async_hooks` show what they show under node:http. */
import type { Agent } from 'node:http'
import type { PoolOptions } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, keepAliveAgent, raw } from './support/http.js'
import { type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const CLIENTS = 8
const ROUNDS = 15

interface Found {
  readonly store?: unknown
  readonly atSetup: readonly unknown[]
  readonly executionAsyncId: number
  readonly triggerAsyncId: number
}

const pool = (kind: string, way: string, options: Omit<PoolOptions, 'handler'> = {}) =>
  serve('async-context', { ...options, env: { CONTEXT_KIND: kind, CONTEXT_WAY: way } })

/** `CLIENTS` at a time, so that connections wait, and are taken where others end. */
async function crowd(one: (client: number) => Promise<Found>): Promise<Found[]> {
  const all = Array.from({ length: CLIENTS }, async (_, client) => {
    const found: Found[] = []
    for (let round = 0; round < ROUNDS; round++) found.push(await one(client))
    return found
  })
  return (await Promise.all(all)).flat()
}

function isFresh(found: readonly Found[]): void {
  const stores = found.filter(({ store }) => store !== undefined)
  assert.is(stores.length, 0, `${stores.length} of ${found.length}: ${JSON.stringify(stores[0])}`)
}

const upgrading =
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\n'

const askers: Readonly<Record<string, (serving: Serving) => Promise<string>>> = {
  request: async ({ url }) => (await get(url)).body,
  fetch: async ({ url }) => (await get(url)).body,
  server: async ({ url }) => (await get(url)).body,
  raw: async ({ port }) => String(await raw(port, '')),
  upgrade: async ({ port }) => String(await raw(port, upgrading)).replace(/^[\s\S]*?\r\n\r\n/, ''),
}

for (const [kind, ask] of Object.entries(askers)) {
  // With `enterWith` before it listens, a server of the app has that store, as under node:http.
  for (const way of kind === 'server' ? ['run'] : ['run', 'enterWith']) {
    test(`${kind}: new connections have a context of their own (${way})`, async () => {
      await using serving = await pool(kind, way, { threads: 2 })
      const found = await crowd(async () => JSON.parse(await ask(serving)))
      isFresh(found)
      assert.equal(found[0]?.atSetup, [null])
      const ids = new Set(found.map(({ executionAsyncId }) => executionAsyncId))
      // Ids are counted in each thread, so two threads may give the same one.
      assert.ok(ids.size >= found.length / 2, `${ids.size} ids of ${found.length} connections`)
      assert.equal(serving.errors, [])
    })
  }
}

test('connections of a server begin in the context in which it was told to listen', async () => {
  await using serving = await pool('server', 'listen')
  const found = await crowd(async () => JSON.parse((await get(serving.url)).body))
  assert.equal([...new Set(found.map(({ store }) => store))], ['listen'])
})

for (const keepAlive of ['pin', 'park'] as const) {
  test(`kept connections have the context of none of their requests (${keepAlive})`, async () => {
    await using serving = await pool('request', 'run', { keepAlive, threads: 2 })
    const agents = Array.from({ length: CLIENTS }, () => keepAliveAgent())
    const ask = async (client: number): Promise<Found> => {
      const agent = agents[client] ?? keepAliveAgent()
      return JSON.parse((await get(serving.url, { agent })).body)
    }
    try {
      if (keepAlive === 'park') {
        const parked = () => serving.pool.stats().processes.some((process) => process.parked > 0)
        await until(async () => (await ask(0)) && parked(), LIMIT_MS, 'a parked connection')
      }
      isFresh(await crowd(ask))
      assert.equal(serving.errors, [])
    } finally {
      for (const agent of agents) agent.destroy()
    }
  })
}

test('connections that blocked threads pass on have a context of their own', async () => {
  const env = { CONTEXT_KIND: 'request', CONTEXT_WAY: 'run', CONTEXT_BLOCK_MS: '10' }
  await using serving = await serve('async-context', { processes: 2, threads: 2, env })
  isFresh(await crowd(async () => JSON.parse((await get(serving.url)).body)))
  assert.equal(serving.errors, [])
})

test('moved connections have the context of none of their requests, in either process', async () => {
  await using serving = await pool('request', 'run', { processes: 2, canaryTime: 0 })
  const agents = Array.from({ length: CLIENTS }, () => keepAliveAgent())
  const ask = async (agent: Agent): Promise<Found & { reused: boolean }> => {
    const { body, reusedConnection } = await get(serving.url, { agent })
    return { ...JSON.parse(body), reused: reusedConnection }
  }
  try {
    isFresh(await Promise.all(agents.map(ask)))
    for (let round = 0; round < 2; round++) {
      await serving.pool.reload()
      const found = await Promise.all(agents.map(ask))
      isFresh(found)
      assert.is(found.filter(({ reused }) => reused).length, CLIENTS)
    }
    assert.ok(serving.pool.stats().totals.moved >= CLIENTS)
    assert.equal(serving.errors, [])
  } finally {
    for (const agent of agents) agent.destroy()
  }
})

test('what enterWith left on a kept connection stays on it', async () => {
  await using serving = await pool('request', 'enterWith')
  using agent = { client: keepAliveAgent(), [Symbol.dispose]: () => agent.client.destroy() }
  await get(serving.url, { agent: agent.client })
  const other: Found = JSON.parse((await get(serving.url)).body)
  assert.is(other.store, undefined)
})

test.run()
