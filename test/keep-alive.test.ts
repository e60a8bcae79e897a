/** Parked keep-alive connections: any idle thread serves the next request, and who is idle is closed in time. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolOptions } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cpuTicks, openDescriptors } from './support/pool-processes.js'
import { RawClient } from './support/raw-client.js'
import { type Serving, serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const ask = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`

/** How many responses have come. */
const responses = (client: RawClient) => client.received.split('HTTP/1.1 200').length - 1

/** Connections end when a test says so, however long a busy machine takes for it. */
const serveKept: typeof serve = async (handler, options) =>
  await serve(handler, { keepAliveTimeout: 2 * LIMIT_MS, ...options })

const parked = ({ pool }: Serving) =>
  pool.stats().processes.reduce((sum, process) => sum + process.parked, 0)

const pinned = ({ pool }: Serving) =>
  pool
    .stats()
    .processes.flatMap(({ threads }) => threads)
    .reduce((sum, one) => sum + one.connections, 0)

async function areParked(serving: Serving, count: number): Promise<void> {
  const is = () => parked(serving) === count && pinned(serving) === 0
  await until(is, LIMIT_MS, `${count} connections parked`).catch((error) => {
    throw new Error(`${error.message}; parked ${parked(serving)}, pinned ${pinned(serving)}`)
  })
}

/** Asks until the parker has started and the connection is parked. */
async function park(serving: Serving, client: RawClient): Promise<void> {
  const before = parked(serving)
  await until(
    async () => {
      const count = responses(client)
      client.write(ask('/'))
      await until(() => responses(client) > count, LIMIT_MS, 'a response')
      return pinned(serving) === 0
    },
    LIMIT_MS,
    'a parked connection',
  )
  await areParked(serving, before + 1)
}

const sizes: readonly [string, PoolOptions['processes'], PoolOptions['threads']][] = [
  ['one process of two threads', 1, 2],
  ['two processes of one thread', 2, 1],
]

for (const acceptMutex of ['none', 'flock'] as const) {
  for (const [name, processes, threads] of sizes) {
    test(`a request does not wait for the thread that served the one before (${name}, ${acceptMutex})`, async () => {
      await using serving = await serveKept('http', {
        processes,
        threads,
        acceptMutex,
        keepAlive: 'park',
      })
      const clients = await Promise.all(
        Array.from({ length: 8 }, () => RawClient.connect(serving.port)),
      )
      try {
        await until(
          async () => {
            const count = clients.map(responses)
            for (const client of clients) client.write(ask('/'))
            const all = () => clients.every((client, n) => responses(client) > (count[n] ?? 0))
            await until(all, LIMIT_MS, 'all responses')
            return pinned(serving) === 0
          },
          LIMIT_MS,
          'all parked',
        )
        await areParked(serving, clients.length)
        const [first, ...others] = clients
        first?.write(ask('/block?ms=3000'))
        const isBusy = () => serving.pool.stats().threads.busy === 1
        await until(isBusy, LIMIT_MS, 'one thread busy')
        const answered = first === undefined ? 0 : responses(first)
        for (const client of others) {
          const count = responses(client)
          client.write(ask('/where'))
          await until(() => responses(client) > count, LIMIT_MS, 'a response of the other thread')
        }
        assert.is(first && responses(first), answered, 'nobody waited for the blocked thread')
        await first?.until(/\d+:\d+\n$/)
        assert.is(serving.pool.stats().totals.connections, clients.length)
      } finally {
        for (const client of clients) client[Symbol.dispose]()
      }
    })
  }
}

test('with all threads busy a parked request waits, and whoever is done first takes it', async () => {
  await using serving = await serveKept('http', { processes: 2, threads: 1, keepAlive: 'park' })
  using waiting = await RawClient.connect(serving.port)
  await park(serving, waiting)
  using long = await RawClient.connect(serving.port)
  using short = await RawClient.connect(serving.port)
  long.write(ask('/block?ms=3000'))
  await until(() => serving.pool.stats().threads.busy === 1, LIMIT_MS, 'one thread busy')
  short.write(ask('/block?ms=300'))
  await until(() => serving.pool.stats().threads.busy === 2, LIMIT_MS, 'both threads busy')
  const count = responses(waiting)
  waiting.write(ask('/where'))
  await until(() => responses(waiting) > count, LIMIT_MS, 'a response')
  assert.is(responses(short), 1)
  assert.is(responses(long), 0)
})

test('auto pins where handlers are short and parks where they block', async () => {
  await using serving = await serveKept('http', { threads: 1, keepAlive: 'auto' })
  using client = await RawClient.connect(serving.port)
  using other = await RawClient.connect(serving.port)
  await other.write(ask('/')).until(/hello\n/)
  for (let requests = 1; requests <= 20; requests++) {
    client.write(ask('/'))
    await until(() => responses(client) === requests, LIMIT_MS, 'a response')
  }
  assert.is(pinned(serving), 2)
  await until(
    async () => {
      const count = responses(client)
      client.write(ask('/block?ms=30'))
      await until(() => responses(client) > count, LIMIT_MS, 'a response')
      return pinned(serving) === 0
    },
    LIMIT_MS,
    'both parked, also the one that was idle all the time',
  )
  await areParked(serving, 2)
  assert.is(serving.pool.stats().totals.connections, 2)
})

test('pin never parks', async () => {
  await using serving = await serveKept('http', { keepAlive: 'pin' })
  using client = await RawClient.connect(serving.port)
  for (let requests = 1; requests <= 5; requests++) {
    client.write(ask('/block?ms=60'))
    await until(() => responses(client) === requests, LIMIT_MS, 'a response')
  }
  assert.is(pinned(serving), 1)
})

test('an idle parked connection is closed after keepAliveTimeout, within about a second', async () => {
  await using serving = await serveKept('http', { keepAlive: 'park', keepAliveTimeout: 2000 })
  using client = await RawClient.connect(serving.port)
  await park(serving, client)
  const began = performance.now()
  await client.end()
  const ms = performance.now() - began
  // Parking was seen up to a second after it began.
  assert.ok(ms > 500 && ms < 20_000, `${ms} ms`)
  await areParked(serving, 0)
})

test('a parked connection that the client ends or resets is forgotten', async () => {
  await using serving = await serveKept('http', { keepAlive: 'park' })
  const pids = serving.pool.stats().processes.map(({ pid }) => pid)
  using ending = await RawClient.connect(serving.port)
  await park(serving, ending)
  const before = openDescriptors(pids)
  using resetting = await RawClient.connect(serving.port)
  await park(serving, resetting)
  using halfClosing = await RawClient.connect(serving.port)
  await park(serving, halfClosing)
  halfClosing.socket.end()
  await halfClosing.end()
  resetting.socket.resetAndDestroy()
  const isSame = () => JSON.stringify(openDescriptors(pids)) === JSON.stringify(before)
  await until(isSame, LIMIT_MS, 'the descriptors from before')
  ending.socket.destroy()
  await areParked(serving, 0)
})

for (const keepAlive of ['auto', 'park'] as const) {
  test(`a thread that retires leaves its idle connections to the others (${keepAlive})`, async () => {
    await using serving = await serveKept('http', { threads: 3, keepAlive })
    const clients = await Promise.all(
      Array.from({ length: 12 }, () => RawClient.connect(serving.port)),
    )
    try {
      // All at once, so that each thread gets some.
      for (const client of clients) client.write(ask('/slow?ms=200'))
      const haveAll = () => clients.every((client) => responses(client) === 1)
      await until(haveAll, LIMIT_MS, 'all responses')
      const threads = () => serving.pool.stats().processes.flatMap((process) => process.threads)
      const withSome = threads().filter(({ connections }) => connections > 0).length
      assert.ok(keepAlive === 'park' || withSome > 1, `${withSome} threads with connections`)
      serving.pool.resize({ threads: 1 })
      await until(() => threads().length === 1, LIMIT_MS, 'one thread')
      for (const client of clients) {
        assert.not(client.socket.readableEnded || client.socket.destroyed)
        client.write(ask('/'))
        await until(() => responses(client) === 2, LIMIT_MS, 'a response of the one that is left')
      }
      assert.is(serving.pool.stats().totals.connections, clients.length)
    } finally {
      for (const client of clients) client[Symbol.dispose]()
    }
  })
}

test('a connection stays with its thread while anything is unfinished on it', async () => {
  await using serving = await serveKept('http', { keepAlive: 'park' })
  using first = await RawClient.connect(serving.port)
  await park(serving, first)
  // Two bytes of the next request.
  using begun = await RawClient.connect(serving.port)
  await begun.write(`${ask('/')}GE`).until(/hello\n/)
  // A body that has not come yet.
  using owing = await RawClient.connect(serving.port)
  await owing.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab').until(/hello\n/)
  await until(() => pinned(serving) === 2, LIMIT_MS, 'two that stay')
  begun.write(ask('/').slice(2))
  await begun.until(/hello\n[\s\S]*hello\n/)
  owing.write(`cde${ask('/')}`)
  await owing.until(/hello\n[\s\S]*hello\n/)
  await areParked(serving, 3)
})

test('a connection whose socket somebody listens to stays', async () => {
  await using serving = await serveKept('socket-listener', { keepAlive: 'park' })
  using plain = await RawClient.connect(serving.port)
  await park(serving, plain)
  using watched = await RawClient.connect(serving.port)
  await watched.write(ask('/watch')).until(/200 OK/)
  watched.write(ask('/'))
  await until(() => responses(watched) === 2, LIMIT_MS, 'a response')
  assert.is(pinned(serving), 1)
})

test('retiring and closing: parked connections close at once, a request that is there is served', async () => {
  await using serving = await serveKept('http', { keepAlive: 'park', processes: 1, threads: 1 })
  using idle = await RawClient.connect(serving.port)
  await park(serving, idle)
  using racing = await RawClient.connect(serving.port)
  await park(serving, racing)
  using blocking = await RawClient.connect(serving.port)
  await park(serving, blocking)
  blocking.write(ask('/block?ms=3000'))
  await until(() => serving.pool.stats().threads.busy === 1, LIMIT_MS, 'a busy thread')
  const count = responses(racing)
  racing.write(ask('/'))
  // In the mailbox by then, or still to be handed on: either way it has come before the end.
  await sleep(100)
  const closed = serving.pool.close()
  await idle.end()
  assert.not.match(
    blocking.received,
    /\d+:\d+\n$/,
    'the idle one did not wait for the blocked thread',
  )
  await racing.end()
  assert.is(responses(racing), count + 1)
  await blocking.end()
  assert.match(blocking.received, /\d+:\d+\n$/)
  await closed
})

/** The child's own looks once a second cost a tick or two. */
const MOST_TICKS = 10

test('a pool with parked connections wakes up no more than once a second, and without them never', async () => {
  await using serving = await serveKept('http', {
    keepAlive: 'park',
    processes: 2,
    keepAliveTimeout: 0,
  })
  using client = await RawClient.connect(serving.port)
  await park(serving, client)
  const pids = serving.pool.stats().processes.map(({ pid }) => pid)
  const windows: number[] = []
  // What idle threads collect soon after their start is in one of them; who polls is in all.
  while (windows.length < 4 && (windows.at(-1) ?? MOST_TICKS + 1) > MOST_TICKS) {
    const before = cpuTicks(pids)
    await sleep(3000)
    windows.push(cpuTicks(pids) - before)
  }
  assert.ok(Math.min(...windows) <= MOST_TICKS, `${windows} ticks in 3 s each`)
})

test('connections on unix sockets are parked, too', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await using serving = await serveKept('http', { keepAlive: 'park', listen: `unix:${path}` })
  using client = await RawClient.connect(path)
  await park(serving, client)
})

test.run()
