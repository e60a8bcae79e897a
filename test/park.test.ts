/** Idle keep-alive connections that are handed back: any thread resumes them, and no byte is lost or out of order. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolOptions } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get, keepAliveAgent } from './support/http.js'
import { openDescriptors } from './support/pool-processes.js'
import { children } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const ask = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`

const parked = ({ pool }: Serving): number =>
  pool.stats().processes.reduce((sum, process) => sum + process.parked, 0)

const accepted = ({ pool }: Serving): number => pool.stats().totals.connections

const countDescriptors = (pids: readonly number[]): number =>
  Object.values(openDescriptors(pids)).reduce((sum, { length }) => sum + length, 0)

/** So many threads have a request. */
const isBusy = ({ pool }: Serving, threads: number): Promise<unknown> =>
  until(() => pool.stats().threads.busy === threads, LIMIT_MS, `${threads} busy threads`)

/** A pool that has begun to park. */
async function park(options: Omit<PoolOptions, 'handler'> = {}): Promise<Serving> {
  // No connection ends by its time while a test waits for others, however long a busy machine takes.
  const terms = { keepAlive: 'park', keepAliveTimeout: 60_000 } as const
  const serving = await serve('http', { ...terms, ...options })
  const agent = keepAliveAgent()
  await until(
    async () => {
      await get(`${serving.url}/`, { agent })
      await sleep(50)
      return serving.pool.stats().scoreboard.includes('K') === false
    },
    LIMIT_MS,
    'parking',
  )
  agent.destroy()
  return serving
}

/** The process that answers. */
async function holder(client: RawClient): Promise<number> {
  const before = client.received.match(/"pid"/g)?.length ?? 0
  // The group is what it has matched last.
  const answers = new RegExp(`^(?:[^]*?"pid":(\\d+)[^}]*\\}){${before + 1}}`)
  const [, pid] = await client.write(ask('/where')).until(answers)
  return Number(pid)
}

/**
 * Each has had an answer. One that was idle before its process began to park stays with its thread until its next request: so they ask again, now
 * and then. The process that has answered last holds a connection.
 */
async function allParked(
  serving: Serving,
  clients: readonly RawClient[],
  haveAsked = false,
): Promise<ReadonlyMap<RawClient, number>> {
  const holders = new Map<RawClient, number>()
  let looks = haveAsked ? 1 : 0
  await until(
    async () => {
      if (looks++ % 100 === 0)
        for (const client of clients) holders.set(client, await holder(client))
      return parked(serving) === clients.length
    },
    LIMIT_MS,
    'all parked',
  )
  return holders
}

for (const acceptMutex of ['none', 'flock'] as const) {
  test(`a blocked thread does not hold up its connections (accept mutex ${acceptMutex})`, async () => {
    await using serving = await park({ processes: 2, threads: 2, acceptMutex })
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => RawClient.connect(serving.port)),
    )
    try {
      await allParked(serving, clients)
      const before = accepted(serving)
      // Three of the four threads block; all the others' requests have the fourth.
      const [a, b, c, ...rest] = clients as [RawClient, RawClient, RawClient, ...RawClient[]]
      for (const [index, client] of [a, b, c].entries()) {
        client.write(ask('/block?ms=4000'))
        await isBusy(serving, index + 1)
      }
      for (const client of rest) await client.write(ask('/headers')).until(/"host":"a"\}$/)
      for (const client of [a, b, c]) assert.not.match(client.received, /\d+:\d+\n$/)
      const places = new Set<string>()
      for (const client of [a, b, c]) places.add((await client.until(/\d+:\d+\n$/))[0])
      assert.is(places.size, 3)
      // A resumed connection is no new one.
      assert.is(accepted(serving), before)
    } finally {
      for (const client of clients) client[Symbol.dispose]()
    }
    await until(() => parked(serving) === 0, LIMIT_MS, 'none parked')
  })
}

test('a pool that closes closes what is parked at once, and serves a request that is there', async () => {
  await using serving = await park({ processes: 2, threads: 2 })
  const idle = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(serving.port)))
  await allParked(serving, idle)
  const blocked = idle.splice(0, 4)
  for (const client of blocked) client.write(ask('/block?ms=2000'))
  await isBusy(serving, 4)
  // No thread is idle: these wait in the mailbox.
  const waiting = idle.splice(0, 6)
  for (const client of waiting) client.write(ask('/headers'))
  // They have come before the end, wherever they wait then.
  await sleep(100)
  const closed = serving.pool.close()
  for (const client of idle) assert.match(await client.end(), /"pid":\d+[^{]*\}$/)
  for (const client of blocked) assert.match(await client.end(), /\d+:\d+\n$/)
  for (const client of waiting) assert.match(await client.end(), /"host":"a"\}$/)
  await closed
})

test('requests that race with the end of the pool are served or never read', async () => {
  for (let round = 0; round < 5; round++) {
    const serving = await park({ processes: 2, threads: 2 })
    const clients = await Promise.all(
      Array.from({ length: 30 }, () => RawClient.connect(serving.port)),
    )
    for (const client of clients) await client.write(ask('/')).until(/hello\n$/)
    const closed = serving.pool.close()
    for (const client of clients) {
      client.write(ask('/headers'))
      if (Math.random() < 0.3) await sleep(1)
    }
    for (const client of clients)
      assert.match(await client.end(), /^HTTP[^{]*hello\n(HTTP[^{]*\{"host":"a"\})?$/)
    await closed
    assert.equal(serving.errors, [])
  }
})

test('a process that dies takes only its own parked connections with it', async () => {
  await using serving = await park({ processes: 2, threads: 1 })
  const clients = await Promise.all(
    Array.from({ length: 40 }, () => RawClient.connect(serving.port)),
  )
  const holders = await allParked(serving, clients)
  const victim = holders.get(clients[0] as RawClient) ?? 0
  process.kill(victim, 'SIGKILL')
  const dying = clients.filter((client) => holders.get(client) === victim)
  for (const client of dying) await client.end()
  const alive = clients.filter((client) => holders.get(client) !== victim)
  for (const client of alive) await client.write(ask('/headers')).until(/"host":"a"\}$/)
  for (const client of clients) client[Symbol.dispose]()
})

test('no descriptor leaks', async () => {
  await using serving = await park({ processes: 2, threads: 2 })
  const pids = children(process.pid)
  const before = countDescriptors(pids)
  for (let round = 0; round < 10; round++) {
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => RawClient.connect(serving.port)),
    )
    for (const client of clients) client.write(ask('/block?ms=2'))
    for (const client of clients) await client.until(/\d+:\d+\n$/)
    for (const client of clients) client.write(ask('/'))
    for (const client of clients) await client.until(/hello\n$/)
    for (const client of clients) client[Symbol.dispose]()
  }
  await until(() => countDescriptors(pids) <= before, LIMIT_MS, 'the descriptors from before')
})

test('10,000 parked connections', async () => {
  await using serving = await park({ processes: 2, threads: 2, keepAliveTimeout: 0 })
  const clients: RawClient[] = []
  try {
    for (let batch = 0; batch < 100; batch++) {
      const some = await Promise.all(
        Array.from({ length: 100 }, () => RawClient.connect(serving.port)),
      )
      clients.push(...some)
      await Promise.all(some.map((client) => client.write(ask('/')).until(/hello\n$/)))
    }
    await allParked(serving, clients, true)
    assert.is(serving.pool.stats().scoreboard.includes('K'), false)
    for (let count = 0; count < 300; count++) {
      const client = clients[(count * 7919) % clients.length]
      await client?.write(ask('/headers')).until(/"host":"a"\}$/)
    }
  } finally {
    for (const client of clients) client[Symbol.dispose]()
  }
  await until(() => parked(serving) === 0, LIMIT_MS, 'none parked')
})

test.run()
