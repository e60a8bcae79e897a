/**
 * A process that dies or is stopped is found, reported once with what is known of it, and replaced; only what it had in
 * flight fails, and the others don't notice.
 */
import { fstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { ask, begin, causeOf, connectToIdle, isWhole, pidOf, report } from './support/mortal.js'
import { type Descriptor, descriptors, isRunning, isStopped, send } from './support/processes.js'
import { type Serving, serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGKILL', 'SIGTRAP']) {
  test(`a process that dies by ${signal} is replaced alone`, async () => {
    await using serving = await serve('mortal', { processes: 2, threads: 1 })
    using survivor = await begin(serving, '/slow?ms=1500')
    using dying = await connectToIdle(serving)
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

test('a process that dies on its leave is reported as well', async () => {
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

test('a process that does not leave within drainTimeout is killed, and reported once', async () => {
  await using serving = await serve('mortal', { processes: 2, threads: 1, drainTimeout: 500 })
  const waits: string[] = []
  serving.pool.on('decision', ({ action }) => {
    if (action.startsWith('wait')) waits.push(action)
  })
  using one = await begin(serving, '/hold')
  using other = await begin(serving, '/hold')
  serving.pool.resize({ processes: 1 })
  await Promise.race([one.end(), other.end()])
  const error = await report(serving)
  assert.is(error.code, 'FT_ERR_DRAIN_TIMEOUT')
  assert.match(causeOf(error).message, /with 1 in flight \(GET \/hold\)/)
  assert.is(serving.pool.stats().totals.childDeaths, 0, 'a planned end is no death')
  assert.equal(waits, [], 'and holds back no start')
  one.socket.destroy()
  other.socket.destroy()
  await isWhole(serving, 1, 1)
})

test('several that die together are replaced as soon as one', async () => {
  await using serving = await serve('mortal', { processes: 4, threads: 1 })
  const waits: string[] = []
  serving.pool.on('decision', ({ action }) => {
    if (action.startsWith('wait')) waits.push(action)
  })
  for (let round = 1; round <= 2; round++) {
    for (const { pid } of serving.pool.stats().processes) send(pid, 'SIGKILL')
    await report(serving, 4 * round)
    await isWhole(serving, 4, 4 * round)
  }
  // One delay a round, unless the second death comes only after it.
  assert.match(waits[0] ?? '', 'wait 100 ms')
  assert.ok(waits.length <= 4, waits.join('; '))
})

test('TERM makes a process leave with all that it has in flight, and another comes', async () => {
  await using serving = await serve('mortal', { processes: 2, threads: 1 })
  using one = await begin(serving, '/slow?ms=1000')
  using other = await begin(serving, '/slow?ms=1000')
  send(pidOf(one.thread), 'SIGTERM')
  await Promise.all([one.until(/done/), other.until(/done/)])
  await until(() => !isRunning(pidOf(one.thread)), LIMIT_MS, 'it has left')
  await isWhole(serving, 2, 0)
  assert.is(serving.pool.stats().totals.childDeaths, 0)
})

test('a pool that closes while it waits to replace a process leaves no timer', async () => {
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
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
  assert.equal(timers, [])
})

// ── the accept mutex ─────────────────────────────────────────────────────────────────────────────

/** Which process holds the lock on the only file of the only pool of this process. */
async function holder(): Promise<number> {
  const isLock = ({ target }: Descriptor) => target.startsWith('/memfd:forkthread-accept-')
  const { ino } = fstatSync(descriptors(process.pid).find(isLock)?.fd ?? -1)
  const line = new RegExp(`^\\d+: FLOCK +ADVISORY +WRITE +(\\d+) \\S+:${ino} `, 'm')
  const find = (): number => Number(line.exec(readFileSync('/proc/locks', 'utf8'))?.[1] ?? 0)
  return await until(find, LIMIT_MS, 'somebody holds the accept mutex')
}

/** Stops a process; its threads stop one after the other, and one that does not yet might still accept something. */
async function stop(pid: number): Promise<void> {
  send(pid, 'SIGSTOP')
  await until(() => isStopped(pid), LIMIT_MS, 'all threads stopped')
}

for (const processes of [1, 2]) {
  test(`one that is killed in possession of the accept mutex leaves nothing locked (${processes} in all)`, async () => {
    await using serving = await serve('mortal', { processes, threads: 1, acceptMutex: 'flock' })
    for (let round = 1; round <= 3; round++) {
      const pid = await holder()
      send(pid, 'SIGKILL')
      assert.is((await get(serving.url)).status, 200)
      await report(serving, round)
      await isWhole(serving, processes, round)
    }
  })

  test(`one that is stopped in possession of the accept mutex is found and replaced (${processes} in all)`, async () => {
    await using serving = await serve('mortal', { processes, threads: 1, acceptMutex: 'flock' })
    const pid = await holder()
    assert.ok(serving.pool.stats().processes.some((process) => process.pid === pid))
    await stop(pid)
    const replies = await Promise.all(Array.from({ length: 4 }, () => get(serving.url)))
    for (const { status } of replies) assert.is(status, 200)
    const error = await report(serving)
    assert.is(error.code, 'FT_ERR_CHILD_DIED')
    assert.is(causeOf(error).code, 'FT_ERR_CHILD_STUCK')
    assert.match(error.message, `The child ${pid} died: it was killed by SIGKILL`)
    assert.not.ok(isRunning(pid))
    await isWhole(serving, processes, 1)
  })

  test(`one that is stopped where there is no accept mutex keeps no connection (${processes} in all)`, async () => {
    const options = { processes, threads: 1, acceptMutex: 'none' } as const
    await using serving = await serve('mortal', options)
    const [stopped] = serving.pool.stats().processes
    assert.ok(stopped)
    await stop(stopped.pid)
    // As many as the stopped one may get as wake-ups, and some more.
    for (let request = 0; request < 4; request++) assert.is((await get(serving.url)).status, 200)
    if (processes === 1) assert.is(causeOf(await report(serving)).code, 'FT_ERR_CHILD_STUCK')
    send(stopped.pid, 'SIGCONT')
    await isWhole(serving, processes, serving.errors.length)
  })
}

test('one that is stopped with all its threads busy is found when connections wait for long', async () => {
  await using serving = await serve('mortal', { threads: 1 })
  using held = await begin(serving, '/hold')
  await stop(pidOf(held.thread))
  assert.is((await get(serving.url)).status, 200)
  assert.is(causeOf(await report(serving)).code, 'FT_ERR_CHILD_STUCK')
  assert.match(serving.errors[0]?.message ?? '', 'with 1 in flight (GET /hold)')
  await isWhole(serving, 1, 1)
})

// ── starts that fail ─────────────────────────────────────────────────────────────────────────────

test('starts that fail for ever become rare, while the others serve', async () => {
  using folder = tempFolder()
  const bad = folder.file('bad-deployment')
  const env = { FAILS_IF_EXISTS: bad }
  await using serving = await serve('mortal', { processes: 2, threads: 1, env })
  writeFileSync(bad, '')
  const [victim, other] = serving.pool.stats().processes
  assert.ok(victim && other)
  send(victim.pid, 'SIGKILL')
  await report(serving)
  const waits: number[] = []
  serving.pool.on('decision', ({ action }) => {
    const [, ms] = /^wait (\d+) ms/.exec(action) ?? []
    if (ms !== undefined) waits.push(Number(ms))
  })
  const failures = () => serving.errors.slice(1)
  const enough = new AbortController()
  const served = serveSteadily(serving, other.pid, enough.signal)
  await until(() => failures().length >= 5, LIMIT_MS, 'five failed starts')
  enough.abort()
  assert.ok((await served) > 10)
  for (const error of failures()) {
    assert.is(error.code, 'FT_ERR_HANDLER_LOAD')
    assert.match(error.message, `${bad} exists`)
  }
  assert.ok((waits.at(-1) ?? 0) > 2 * (waits[0] ?? 0), `the waits grow: ${waits}`)
  const { lastDecision } = serving.pool.stats()
  assert.match(`${lastDecision.action}: ${lastDecision.reason}`, /wait \d+ ms.*5 starts/)
  rmSync(bad)
  await until(() => serving.pool.stats().threads.idle === 2, LIMIT_MS, 'whole again')
})

/** Sends one request after the other until `signal`; how many `pid`, and nobody else, has answered. */
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

test.run()
