/**
 * Whatever dies is found, reported once with what is known of it, and replaced; only what it had in flight fails, and
 * nobody else notices.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ForkthreadError } from 'forkthread'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { isRunning, send } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { type Serving, serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

/** Sends a request that is in flight from then on; its thread as `PID:THREAD`. */
async function begin(serving: Serving, path: string): Promise<RawClient & { thread: string }> {
  const client = await RawClient.connect(serving.port)
  const [, thread = ''] = await client.write(ask(path)).until(/\r\n(\d+:\d+)\r\n/)
  return Object.assign(client, { thread })
}

const pidOf = (thread: string): number => Number(thread.split(':')[0])

async function report(serving: Serving, count = 1): Promise<ForkthreadError> {
  await until(() => serving.errors.length >= count, LIMIT_MS, `${count} reports`)
  return serving.errors[count - 1] as ForkthreadError
}

/** So many threads are idle, and there was no report beyond `reports`. */
async function isWhole(serving: Serving, threads: number, reports: number): Promise<void> {
  const { pool } = serving
  await until(() => pool.stats().threads.idle === threads, LIMIT_MS, `${threads} idle threads`)
  const messages = serving.errors.map((error) => error.message).join('\n')
  assert.is(serving.errors.length, reports, messages)
  const ready = pool.stats().processes.filter(({ state }) => state === 'ready')
  assert.is(ready.length, pool.stats().processes.length)
  for (const { threads } of ready) for (const { inFlight } of threads) assert.is(inFlight, 0)
  assert.is((await get(serving.url)).status, 200)
}

const causeOf = (error: ForkthreadError): ForkthreadError => error.cause as ForkthreadError

// ── threads ──────────────────────────────────────────────────────────────────────────────────────

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
      using dying = await RawClient.connect(serving.port)
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
  const BLOCKED_MS = 500

  test(`a thread in an endless loop is found, shown with its stack, and ended alone (${acceptMutex})`, async () => {
    const options = { threads: 2, blockedTimeout: BLOCKED_MS, acceptMutex }
    await using serving = await serve('mortal', options)
    for (let round = 1; round <= 5; round++) {
      // Longer than blockedTimeout, but it waits: its loop turns.
      using sibling = await begin(serving, '/slow?ms=2000')
      using stuck = await RawClient.connect(serving.port)
      const startedAt = performance.now()
      await stuck.write(ask(`/spin?round=${round}`)).end()
      const foundMs = performance.now() - startedAt
      assert.ok(foundMs > BLOCKED_MS, `after ${foundMs} ms`)
      // Two looks (250 ms each) and the stack (50 ms), on a busy machine.
      assert.ok(foundMs < BLOCKED_MS + 3000, `after ${foundMs} ms`)
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
    using one = await RawClient.connect(serving.port)
    using other = await RawClient.connect(serving.port)
    one.write(ask('/spin?thread=one'))
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
  await using serving = await serve('mortal', { threads: 2, blockedTimeout: 500 })
  for (let round = 1; round <= 3; round++) {
    using sibling = await begin(serving, '/slow?ms=1500')
    using stuck = await RawClient.connect(serving.port)
    await stuck.write(ask('/block?ms=60000')).end()
    const error = await report(serving, round)
    assert.is(causeOf(error).code, 'FT_ERR_THREAD_BLOCKED')
    assert.match(error.message, 'GET /block?ms=60000')
    await sibling.until(/done/)
    await isWhole(serving, 2, round)
  }
})

test('an endless loop that begins outside of a request is found when it is in the way', async () => {
  await using serving = await serve('mortal', { threads: 1, blockedTimeout: 500 })
  await get(`${serving.url}/spin-later`)
  // Perhaps before the loop begins; the others wait for the replacement.
  for (let request = 0; request < 3; request++) {
    await get(serving.url).catch(() => undefined)
    await sleep(20)
  }
  const error = await report(serving)
  assert.is(causeOf(error).code, 'FT_ERR_THREAD_BLOCKED')
  assert.match(error.message, 'at spinForEver')
  await isWhole(serving, 1, 1)
})

test('a thread that was asked to go has blockedTimeout and drainTimeout for what it has in flight', async () => {
  const options = { threads: 2, blockedTimeout: 300, drainTimeout: 20_000 }
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
  assert.is(error.code, 'FT_ERR_THREAD_DIED')
  assert.is(causeOf(error).code, 'FT_ERR_DRAIN_TIMEOUT')
  await Promise.race([one.end(), other.end()])
  one.socket.destroy()
  other.socket.destroy()
  await isWhole(serving, 1, 1)
})

test('a process with all the threads that there can be, one of them on its leave, grows no further', async () => {
  await using serving = await serve('mortal', { threads: 32 })
  const clients = await Promise.all(Array.from({ length: 32 }, () => begin(serving, '/hold')))
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

test.run()

// ── processes ────────────────────────────────────────────────────────────────────────────────────

const processDeaths = suite('death of a process')

for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGKILL', 'SIGTRAP']) {
  processDeaths(`by ${signal}`, async () => {
    await using serving = await serve('mortal', { processes: 2, threads: 1 })
    using survivor = await begin(serving, '/slow?ms=1500')
    using dying = await RawClient.connect(serving.port)
    const received = await dying.write(ask(`/kill?signal=${signal}`)).end()
    assert.not.match(received, '\r\n0\r\n\r\n')
    const error = await report(serving)
    assert.is(error.code, 'FT_ERR_CHILD_DIED')
    assert.match(error.message, new RegExp(`killed by ${signal} after \\d+\\.\\d s`))
    assert.match(error.message, `with 1 in flight (GET /kill?signal=${signal})`)
    await survivor.until(/done/)
    await isWhole(serving, 2, 1)
    const { totals, processes } = serving.pool.stats()
    assert.is(totals.childDeaths, 1)
    assert.ok(processes.some(({ pid }) => pid === pidOf(survivor.thread)))
  })
}

processDeaths('on its leave is reported as well', async () => {
  await using serving = await serve('mortal', { processes: 2, threads: 1 })
  using one = await begin(serving, '/hold?one')
  using other = await begin(serving, '/hold?other')
  serving.pool.resize({ processes: 1 })
  const leaver = await until(
    () => serving.pool.stats().processes.find(({ state }) => state === 'draining'),
    LIMIT_MS,
    'one on its leave',
  )
  send(leaver.pid, 'SIGKILL')
  const error = await report(serving)
  assert.is(error.code, 'FT_ERR_CHILD_DIED')
  assert.match(error.message, /with 1 in flight \(GET \/hold\?(one|other)\)/)
  assert.is(serving.pool.stats().totals.childDeaths, 1)
  one.socket.destroy()
  other.socket.destroy()
  await isWhole(serving, 1, 1)
})

processDeaths('because it does not leave within drainTimeout', async () => {
  await using serving = await serve('mortal', { processes: 2, threads: 1, drainTimeout: 500 })
  using one = await begin(serving, '/hold')
  using other = await begin(serving, '/hold')
  serving.pool.resize({ processes: 1 })
  await Promise.race([one.end(), other.end()])
  const error = await report(serving)
  assert.match(`${error.code} ${causeOf(error)?.code}`, 'FT_ERR_DRAIN_TIMEOUT')
  one.socket.destroy()
  other.socket.destroy()
  await isWhole(serving, 1, 1)
})

processDeaths('many at once are replaced at once', async () => {
  await using serving = await serve('mortal', { processes: 4, threads: 1 })
  for (const { pid } of serving.pool.stats().processes) send(pid, 'SIGKILL')
  await report(serving, 4)
  const diedAt = performance.now()
  await isWhole(serving, 4, 4)
  // A delay that doubles for each of them would be 800 ms, and 1600 the next time.
  for (const { pid } of serving.pool.stats().processes) send(pid, 'SIGKILL')
  await isWhole(serving, 4, 8).catch(() => undefined)
  await report(serving, 8)
  await isWhole(serving, 4, 8)
  assert.ok(performance.now() - diedAt < 10_000)
})

processDeaths(
  'TERM makes one leave with all that it has in flight, and another comes',
  async () => {
    await using serving = await serve('mortal', { processes: 2, threads: 1 })
    using one = await begin(serving, '/slow?ms=1000')
    using other = await begin(serving, '/slow?ms=1000')
    send(pidOf(one.thread), 'SIGTERM')
    await Promise.all([one.until(/done/), other.until(/done/)])
    await until(() => !isRunning(pidOf(one.thread)), LIMIT_MS, 'it has left')
    await isWhole(serving, 2, 0)
    assert.is(serving.pool.stats().totals.childDeaths, 0)
  },
)

processDeaths(
  'a pool that closes while it waits to replace one does not keep its process',
  async () => {
    const serving = await serve('mortal', { processes: 2, threads: 1 })
    for (let round = 1; round <= 6; round++) {
      const ready = await until(
        () => serving.pool.stats().processes.find(({ state }) => state === 'ready'),
        LIMIT_MS,
        'a process to kill',
      )
      send(ready.pid, 'SIGKILL')
      await report(serving, round)
    }
    await serving.pool.close()
    assert.equal(
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout'),
      [],
    )
  },
)

// ── the accept mutex ─────────────────────────────────────────────────────────────────────────────

/** Which process holds the lock on the only file of the only folder in `folder`. */
async function holder(folder: string): Promise<number> {
  const { readdirSync } = await import('node:fs')
  const [name = ''] = readdirSync(folder)
  const { ino } = statSync(join(folder, name, 'accept.lock'))
  const line = new RegExp(`^\\d+: FLOCK +ADVISORY +WRITE +(\\d+) \\S+:${ino} `, 'm')
  const find = (): number => Number(line.exec(readFileSync('/proc/locks', 'utf8'))?.[1] ?? 0)
  return await until(find, LIMIT_MS, 'somebody holds the accept mutex')
}

/** A pool whose lock file is in a folder of its own. */
async function serveWithLockIn(folder: string, processes: number): Promise<Serving> {
  const { TMPDIR } = process.env
  process.env.TMPDIR = folder
  try {
    return await serve('mortal', { processes, threads: 1, acceptMutex: 'flock' })
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
}

for (const processes of [1, 2]) {
  processDeaths(`in possession of the accept mutex (${processes} in all)`, async () => {
    using folder = tempFolder()
    await using serving = await serveWithLockIn(folder.path, processes)
    for (let round = 1; round <= 3; round++) {
      const pid = await holder(folder.path)
      send(pid, 'SIGKILL')
      assert.is((await get(serving.url)).status, 200)
      await isWhole(serving, processes, round)
    }
  })

  processDeaths(`stopped in possession of the accept mutex (${processes} in all)`, async () => {
    using folder = tempFolder()
    await using serving = await serveWithLockIn(folder.path, processes)
    const pid = await holder(folder.path)
    assert.ok(serving.pool.stats().processes.some((process) => process.pid === pid))
    send(pid, 'SIGSTOP')
    const replies = await Promise.all(Array.from({ length: 4 }, () => get(serving.url)))
    for (const { status } of replies) assert.is(status, 200)
    const error = await report(serving)
    assert.is(error.code, 'FT_ERR_CHILD_DIED')
    assert.is(causeOf(error).code, 'FT_ERR_CHILD_STUCK')
    assert.match(error.message, `The child ${pid} died: it was killed by SIGKILL`)
    assert.not.ok(isRunning(pid))
    await isWhole(serving, processes, 1)
  })

  processDeaths(`stopped where there is no accept mutex (${processes} in all)`, async () => {
    const options = { processes, threads: 1, acceptMutex: 'none' } as const
    await using serving = await serve('mortal', options)
    const [stopped] = serving.pool.stats().processes
    assert.ok(stopped)
    send(stopped.pid, 'SIGSTOP')
    // As many as the stopped one may get as wake-ups, and some more.
    for (let request = 0; request < 4; request++) assert.is((await get(serving.url)).status, 200)
    if (processes === 1) assert.is(causeOf(await report(serving)).code, 'FT_ERR_CHILD_STUCK')
    send(stopped.pid, 'SIGCONT')
    await isWhole(serving, processes, serving.errors.length)
  })
}

// ── starts that fail ─────────────────────────────────────────────────────────────────────────────

processDeaths('at the start, for ever: the others serve, and the starts become rare', async () => {
  using folder = tempFolder()
  const bad = folder.file('bad-deployment')
  const env = { FAILS_IF_EXISTS: bad }
  await using serving = await serve('mortal', { processes: 2, threads: 1, env })
  const { writeFileSync, rmSync } = await import('node:fs')
  writeFileSync(bad, '')
  const [victim, other] = serving.pool.stats().processes
  assert.ok(victim && other)
  send(victim.pid, 'SIGKILL')
  await report(serving)
  const starts: number[] = []
  serving.pool.on('exit', () => starts.push(performance.now()))
  const failures = () => serving.errors.slice(1)
  const busy = new AbortController()
  const served = serveSteadily(serving, other.pid, busy.signal)
  await until(() => failures().length >= 5, LIMIT_MS, 'five failed starts')
  busy.abort()
  assert.ok((await served) > 10)
  for (const error of failures()) {
    assert.is(error.code, 'FT_ERR_HANDLER_LOAD')
    assert.match(error.message, `${bad} exists`)
  }
  const gaps = starts.slice(1).map((at, index) => at - (starts[index] ?? 0))
  assert.ok((gaps.at(-1) ?? 0) > 2 * (gaps[0] ?? 0), `gaps grow: ${gaps.map(Math.round)}`)
  const { lastDecision } = serving.pool.stats()
  assert.match(`${lastDecision.action}: ${lastDecision.reason}`, /wait \d+ ms.*5 starts/)
  rmSync(bad)
  await until(() => serving.pool.stats().threads.idle === 2, LIMIT_MS, 'whole again')
})

/** Sends one request after the other to the pool; how many `pid` has answered. */
async function serveSteadily(serving: Serving, pid: number, signal: AbortSignal): Promise<number> {
  let answered = 0
  while (!signal.aborted) {
    const { status, body } = await get(serving.url)
    assert.is(status, 200)
    assert.is(pidOf(body), pid)
    answered++
    await sleep(10)
  }
  return answered
}

processDeaths('of a thread at its start, for ever: likewise', async () => {
  using folder = tempFolder()
  const bad = folder.file('bad-deployment')
  const env = { FAILS_IF_EXISTS: bad }
  await using serving = await serve('mortal', { processes: 1, threads: 2, env })
  const { writeFileSync, rmSync } = await import('node:fs')
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

processDeaths.run()
