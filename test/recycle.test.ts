/** What has served long enough is replaced, one at a time, by somebody who is ready before it goes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { isIdle } from './support/mortal.js'
import { type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 60_000

/** Requests one after the other in `lanes`, none of which may fail; who has served them, in the order of appearance. */
function load(serving: Serving, lanes: number, path = '/') {
  const servers = new Set<string>()
  let isOver = false
  const running = Array.from({ length: lanes }, async () => {
    while (!isOver) {
      const { status, body } = await get(serving.url + path)
      assert.is(status, 200)
      servers.add(body.split(' ')[0] ?? '')
    }
  })
  return {
    servers,
    async stop(): Promise<void> {
      isOver = true
      await Promise.all(running)
    },
  }
}

/** The least number of ready threads, and of threads and processes in all, that were ever seen. */
function watch(serving: Serving) {
  const seen = { leastReady: Number.POSITIVE_INFINITY, mostThreads: 0, mostProcesses: 0 }
  const timer = setInterval(() => {
    const { threads, processes, scoreboard } = serving.pool.stats()
    const leaving = scoreboard.split('G').length - 1
    const ready = threads.idle + threads.busy - leaving
    seen.leastReady = Math.min(seen.leastReady, ready)
    seen.mostThreads = Math.max(seen.mostThreads, ready + threads.starting)
    seen.mostProcesses = Math.max(
      seen.mostProcesses,
      processes.filter(({ state }) => state !== 'draining').length,
    )
  }, 5)
  return {
    seen,
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

test('recycleRequests: threads go one at a time, each after its successor is ready, and no request fails', async () => {
  await using serving = await serve('mortal', { threads: 2, recycleRequests: 100 })
  const { pool } = serving
  const decisions: string[] = []
  pool.on('decision', ({ action, reason }) => decisions.push(`${action}: ${reason}`))
  using watched = watch(serving)
  const clients = load(serving, 4, '/slow?ms=5')
  await until(() => clients.servers.size >= 6, LIMIT_MS, 'four threads replaced')
  await clients.stop()
  await until(() => isIdle(pool.stats(), 2), LIMIT_MS, 'two idle threads')
  const { seen } = watched
  assert.is(seen.leastReady, 2)
  assert.is(seen.mostThreads, 3, 'never more than one at a time')
  assert.is(pool.stats().processes.length, 1)
  const others = decisions.filter((text) => !/: recycle thread \d/.test(text))
  assert.equal(others, [], 'nothing else was to be done')
  assert.match(decisions[0] ?? '', /it served \d{3,} requests, recycleRequests is 100/)
  assert.equal(serving.errors, [])
  assert.is(pool.stats().totals.threadDeaths, 0)
})

test('a thread that still has a request when its successor is ready is missed by nobody', async () => {
  await using serving = await serve('mortal', { threads: 2, recycleRequests: 20 })
  const { pool } = serving
  const decisions: string[] = []
  pool.on('decision', ({ action }) => decisions.push(action))
  // Whoever is replaced has requests in flight for three more looks.
  const long = load(serving, 4, '/slow?ms=3000')
  const short = load(serving, 2, '/slow?ms=5')
  const isRecycling = () => decisions.filter((action) => action.includes('recycle')).length >= 2
  await until(isRecycling, LIMIT_MS, 'two replaced')
  await Promise.all([long.stop(), short.stop()])
  await until(() => isIdle(pool.stats(), 2), LIMIT_MS, 'two idle threads')
  const others = decisions.filter((action) => !action.includes('recycle'))
  assert.equal(others, [])
  assert.equal(serving.errors, [])
})

test('recycleHeap: a thread whose heap has grown is replaced', async () => {
  const recycleHeap = 64 * 2 ** 20
  await using serving = await serve('mortal', { threads: 1, recycleHeap })
  const before = (await get(serving.url)).body
  await get(`${serving.url}/keep?mib=80`)
  const decision = new Promise<string>((resolve) =>
    serving.pool.once('decision', ({ reason }) => resolve(reason)),
  )
  // The heap is measured when requests end.
  const clients = load(serving, 1, '/slow?ms=20')
  assert.match(await decision, /its heap has \d+ bytes, recycleHeap is 67108864/)
  await until(() => clients.servers.size >= 2, LIMIT_MS, 'another thread')
  await clients.stop()
  const rows = () => serving.pool.stats().processes.flatMap(({ threads }) => threads)
  const isSmall = () => rows().length === 1 && rows().every((row) => row.heapBytes < recycleHeap)
  await until(isSmall, LIMIT_MS, 'one thread, with a small heap')
  assert.is.not((await get(serving.url)).body, before)
  assert.equal(serving.errors, [])
})

test('recycleLifetime: processes go one at a time, each after its successor is ready', async () => {
  const options = { processes: 2, threads: 1, recycleLifetime: 3000 }
  await using serving = await serve('mortal', options)
  const { pool } = serving
  const decisions: string[] = []
  pool.on('decision', ({ action, reason }) => decisions.push(`${action}: ${reason}`))
  const old = pool.stats().processes.map(({ pid }) => pid)
  using watched = watch(serving)
  const clients = load(serving, 2, '/slow?ms=20')
  const isRenewed = () => pool.stats().processes.every(({ pid }) => !old.includes(pid))
  await until(isRenewed, LIMIT_MS, 'both replaced')
  await clients.stop()
  const { seen } = watched
  assert.ok(seen.leastReady >= 2, `${seen.leastReady} ready`)
  assert.is(seen.mostProcesses, 3, 'never more than one at a time')
  assert.match(decisions[0] ?? '', /recycle child \d+: it is \d+ ms old, recycleLifetime is 3000/)
  const others = decisions.filter((text) => !/^(recycle|retire) child \d+: it is/.test(text))
  assert.equal(others, [])
  assert.equal(serving.errors, [])
  assert.is(pool.stats().totals.childDeaths, 0)
})

test('recycleRss: a process whose memory has grown is replaced', async () => {
  await using probe = await serve('mortal')
  const [{ rssBytes = 0 } = {}] = probe.pool.stats().processes
  const recycleRss = rssBytes + 100 * 2 ** 20
  await using serving = await serve('mortal', { processes: 1, threads: 1, recycleRss })
  const [first] = serving.pool.stats().processes
  const decisions: string[] = []
  serving.pool.on('decision', ({ action, reason }) => decisions.push(`${action}: ${reason}`))
  await get(`${serving.url}/keep?mib=200`)
  const isReplaced = () =>
    isIdle(serving.pool.stats(), 1) && serving.pool.stats().processes[0]?.pid !== first?.pid
  await until(isReplaced, LIMIT_MS, 'another process')
  assert.match(decisions[0] ?? '', /recycle child \d+: it has \d+ bytes in memory, recycleRss is/)
  assert.is((await get(serving.url)).status, 200)
  assert.equal(serving.errors, [])
})

test.run()
