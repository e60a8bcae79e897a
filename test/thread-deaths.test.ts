/**
 * A thread that dies, of whatever, is found, reported once with what is known of it, and replaced; only what it had in
 * flight fails, and its siblings don't notice.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { ask, begin, causeOf, connectToIdle, isWhole, pidOf, report } from './support/mortal.js'
import type { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

interface ThreadDeath {
  readonly path: string
  readonly of: string
  readonly report: RegExp
}

const threadDeaths: readonly ThreadDeath[] = [
  {
    path: '/throw-later',
    of: 'an exception outside of a request',
    report: /thrown outside of a request\n.*fixtures\/mortal\.js:\d+/s,
  },
  { path: '/out-of-memory', of: 'a full heap', report: /memory limit/ },
  { path: '/exit?status=7', of: 'process.exit', report: /exit.*7/ },
]

for (const { path, of, report: expected } of threadDeaths) {
  test(`a thread that dies of ${of} is replaced alone`, async () => {
    const resourceLimits = { maxOldGenerationSizeMb: 32 }
    await using serving = await serve('mortal', { threads: 2, resourceLimits })
    for (let round = 1; round <= 2; round++) {
      using sibling = await begin(serving, '/slow?ms=1000')
      using dying = await connectToIdle(serving)
      const received = await dying.write(ask(path)).end()
      assert.not.match(received, '\r\n0\r\n\r\n', 'no part passes for the whole')
      const error = await report(serving, round)
      assert.is(error.code, 'FT_ERR_THREAD_DIED')
      assert.match(error.message, expected)
      assert.match(error.message, `child ${pidOf(sibling.thread)} died after `)
      assert.match(error.message, `with 1 in flight (GET ${path})`)
      await sibling.until(/done/)
      await isWhole(serving, 2, round)
      const { totals, processes } = serving.pool.stats()
      assert.is(totals.threadDeaths, round)
      assert.is(totals.childDeaths, 0)
      assert.is(processes[0]?.pid, pidOf(sibling.thread), 'the process is the same one')
    }
  })
}

for (const acceptMutex of ['flock', 'none'] as const) {
  // Threads that wait for a processor are silent, too.
  const BLOCKED_MS = 1500

  test(`a thread in an endless loop is found, shown with its stack, and ended alone (${acceptMutex})`, async () => {
    const options = { threads: 2, blockedTimeout: BLOCKED_MS, acceptMutex }
    await using serving = await serve('mortal', options)
    for (let round = 1; round <= 2; round++) {
      // Longer than blockedTimeout, but it waits: its loop turns.
      using sibling = await begin(serving, '/slow?ms=3000')
      using stuck = await connectToIdle(serving)
      const startedAt = performance.now()
      await stuck.write(ask(`/spin?round=${round}`)).end()
      const foundMs = performance.now() - startedAt
      assert.ok(foundMs > BLOCKED_MS, `after ${foundMs} ms`)
      // Two looks (250 ms each) and the stack (50 ms), on a busy machine.
      assert.ok(foundMs < BLOCKED_MS + 10_000, `after ${foundMs} ms`)
      const error = await report(serving, round)
      assert.is(error.code, 'FT_ERR_THREAD_DIED')
      assert.is(causeOf(error).code, 'FT_ERR_THREAD_BLOCKED')
      assert.match(error.message, `GET /spin?round=${round}`)
      assert.match(error.message, /at spinForEver \(.*fixtures\/mortal\.js:\d+:\d+\)/)
      await sibling.until(/done/)
      await isWhole(serving, 2, round)
    }
    assert.is(serving.pool.stats().totals.childDeaths, 0)
  })

  test(`both threads of a process in endless loops are found (${acceptMutex})`, async () => {
    const options = { threads: 2, blockedTimeout: BLOCKED_MS, acceptMutex }
    await using serving = await serve('mortal', options)
    using one = await connectToIdle(serving)
    one.write(ask('/spin?thread=one'))
    const isAtWork = () => serving.pool.stats().scoreboard.includes('W')
    await until(isAtWork, LIMIT_MS, 'the first one at work')
    using other = await connectToIdle(serving)
    other.write(ask('/spin?thread=other'))
    await Promise.all([one.end(), other.end()])
    await report(serving, 2)
    const messages = serving.errors.map(({ message }) => message).sort()
    assert.match(messages.join('\n'), 'GET /spin?thread=one')
    assert.match(messages.join('\n'), 'GET /spin?thread=other')
    for (const message of messages) assert.match(message, 'at spinForEver')
    await isWhole(serving, 2, 2)
  })
}

test('a thread that sleeps in C++ is found and ended, too', async () => {
  await using serving = await serve('mortal', { threads: 2, blockedTimeout: 1500 })
  for (let round = 1; round <= 2; round++) {
    using sibling = await begin(serving, '/slow?ms=3000')
    using stuck = await connectToIdle(serving)
    await stuck.write(ask('/block?ms=60000')).end()
    const error = await report(serving, round)
    assert.is(causeOf(error).code, 'FT_ERR_THREAD_BLOCKED')
    assert.match(error.message, 'GET /block?ms=60000')
    await sibling.until(/done/)
    await isWhole(serving, 2, round)
  }
})

test('a thread that was asked to go has blockedTimeout and drainTimeout for what it has in flight', async () => {
  const options = { threads: 2, blockedTimeout: 1000, drainTimeout: 20_000 }
  await using serving = await serve('mortal', options)
  using one = await begin(serving, '/slow?ms=2500')
  using other = await begin(serving, '/slow?ms=2500')
  serving.pool.resize({ threads: 1 })
  await Promise.all([one.until(/done/), other.until(/done/)])
  await isWhole(serving, 1, 0)
})

test('a thread that does not go is cut off after drainTimeout', async () => {
  const options = { threads: 2, drainTimeout: 500, spares: { min: 1, max: 1 } }
  await using serving = await serve('mortal', options)
  using one = await begin(serving, '/hold')
  using other = await begin(serving, '/hold')
  serving.pool.resize({ threads: 1 })
  const error = await report(serving)
  assert.is(error.code, 'FT_ERR_DRAIN_TIMEOUT')
  assert.match(causeOf(error).message, /1 in flight \(GET \/hold\)/)
  assert.is(serving.pool.stats().totals.threadDeaths, 0, 'a planned end is no death')
  await Promise.race([one.end(), other.end()])
  one.socket.destroy()
  other.socket.destroy()
  await isWhole(serving, 1, 1)
})

test('a process with all the threads that there can be, one of them on its leave, grows no further', async () => {
  await using serving = await serve('mortal', { threads: 32, startTimeout: 120_000 })
  // One after the other, so that each has a thread of its own.
  const clients: RawClient[] = []
  for (let n = 0; n < 32; n++) clients.push(await begin(serving, '/hold'))
  serving.pool.resize({ threads: 31 })
  const letters = () => serving.pool.stats().scoreboard
  await until(() => letters().includes('G'), LIMIT_MS, 'one on its leave')
  serving.pool.resize({ threads: 32 })
  const [pid] = serving.pool.stats().processes.map((process) => process.pid)
  await sleep(1500)
  for (const client of clients) client.socket.destroy()
  await isWhole(serving, 32, 0)
  assert.is(serving.pool.stats().processes[0]?.pid, pid)
})

test('a thread that fails to start for ever is tried ever more rarely, while the others serve', async () => {
  using folder = tempFolder()
  const bad = folder.file('bad-deployment')
  const env = { FAILS_IF_EXISTS: bad }
  await using serving = await serve('mortal', { processes: 1, threads: 2, env })
  writeFileSync(bad, '')
  await get(`${serving.url}/exit?status=1`).catch(() => undefined)
  await report(serving, 6)
  assert.is(serving.errors[0]?.code, 'FT_ERR_THREAD_DIED')
  for (const error of serving.errors.slice(1)) assert.is(error.code, 'FT_ERR_HANDLER_LOAD')
  assert.is((await get(serving.url)).status, 200)
  const { lastDecision, totals } = serving.pool.stats()
  assert.match(`${lastDecision.action}: ${lastDecision.reason}`, /wait \d+ ms/)
  assert.is(totals.threadDeaths, 1)
  rmSync(bad)
  await until(() => serving.pool.stats().threads.idle === 2, LIMIT_MS, 'whole again')
})

test.run()
