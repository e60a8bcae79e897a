/** An idle connection goes on in another process when its own leaves; what can't is asked to go. Nobody is cut off. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { descriptorLimit } from '#dist/sys/descriptor-limit.js'
import { local } from './support/certificates.js'
import { runCli, startCli } from './support/cli.js'
import { portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { children, isRunning, send } from './support/processes.js'
import { serve } from './support/serve.js'
import { type Answer, SteadyClient } from './support/steady-client.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const LIMIT_MS = 20_000
const two = { processes: 2, threads: 2, canaryTime: 0 } as const

/** How many there are; with FORKTHREAD_STRESS 10,000. */
const IDLE = process.env.FORKTHREAD_STRESS === undefined ? 300 : 10_000
/** Over one reload 5,000, if this process may have so many descriptors. */
const MANY = Math.max(IDLE, Math.min(5000, Math.floor(descriptorLimit() / 3)))

const pids = (pool: Pool): number[] => pool.stats().processes.map(({ pid }) => pid)

async function askAll(clients: readonly SteadyClient[]): Promise<readonly Answer[]> {
  return await Promise.all(clients.map((client) => client.ask()))
}

function dispose(clients: readonly SteadyClient[]): void {
  for (const client of clients) client[Symbol.dispose]()
}

for (const [keepAlive, idle] of [
  ['auto', IDLE],
  ['park', MANY],
] as const) {
  test(`${keepAlive}: all ${idle} idle connections serve their next request from new processes after a reload`, async () => {
    await using serving = await serve('who', {
      ...{ ...two, keepAlive, keepAliveTimeout: 600_000, backlog: 1024, drainTimeout: 60_000 },
    })
    const { pool, port } = serving
    const clients = await SteadyClient.openIdle(port, idle)
    const before = pids(pool)
    await pool.reload()
    const answers = await askAll(clients)
    assert.is(answers.filter(({ pid, isLast }) => before.includes(pid) || isLast).length, 0)
    assert.is(clients.filter(({ isOver }) => isOver).length, 0)
    const { moved, unmoved, connections } = pool.stats().totals
    assert.ok(moved >= idle, `${moved} moved`)
    assert.is(unmoved, 0)
    // The same ones.
    assert.is(connections, idle)
    dispose(clients)
  })
}

test('busy ones go on elsewhere after their response, and it does not say close', async () => {
  await using serving = await serve('who', two)
  const { pool, port } = serving
  const clients = await SteadyClient.openIdle(port, 20)
  const before = pids(pool)
  const busy = clients.map((client) => client.ask('/?wait=1500'))
  await until(() => pool.stats().threads.busy > 0, LIMIT_MS, 'some are busy')
  await pool.reload()
  const answers = await Promise.all(busy)
  assert.is(answers.filter(({ isLast }) => isLast).length, 0)
  assert.ok(answers.some(({ pid }) => before.includes(pid)))
  for (const { pid } of await askAll(clients)) assert.not(before.includes(pid))
  dispose(clients)
})

test('an upgrade: idle connections go on with the new parent', async () => {
  using folder = tempFolder()
  const admin = `unix:${folder.file('admin')}`
  const size = ['--processes', '2', '--threads', '1', '--canary-time', '0']
  const times = ['--keep-alive-timeout', '60000', '--shutdown-idle-timeout', '0']
  await using program = startCli([
    ...[fixture('who'), '--listen', '127.0.0.1:0', '--admin', admin, ...size, ...times],
  ])
  const [url = ''] = await program.ready()
  const clients = await SteadyClient.openIdle(portOf(url), IDLE)
  const before = children(program.pid)
  const { code, stderr, stdout } = await runCli(['upgrade', '--admin', admin])
  assert.is(code, 0, stderr)
  program.adopt(Number(/\d+/.exec(stdout)?.[0]))
  await until(() => !isRunning(program.pid), LIMIT_MS, 'the end of the old parent')
  for (const { pid, isLast } of await askAll(clients)) {
    assert.not(before.includes(pid))
    assert.not(isLast)
  }
  dispose(clients)
})

test('a process that is retired, and threads that are recycled, cut nobody off', async () => {
  const limits = { recycleRequests: 40, spares: { min: 1, max: 4 } }
  await using serving = await serve('who', { ...two, ...limits })
  const { pool, port } = serving
  const clients = await SteadyClient.openIdle(port, 50)
  const threads = new Set<string>()
  pool.on('thread', ({ pid, thread, phase }) => phase === 'over' && threads.add(`${pid} ${thread}`))
  pool.resize({ processes: 1 })
  await until(() => pool.stats().processes.length === 1, LIMIT_MS, 'one process')
  const isRecycled = async (): Promise<boolean> => {
    for (const { isLast } of await askAll(clients)) assert.not(isLast)
    return threads.size >= 4
  }
  await until(isRecycled, LIMIT_MS, 'some threads are over')
  assert.is(pool.stats().totals.connections, 50)
  dispose(clients)
})

test('pin: the next response says close, and nothing is cut before', async () => {
  await using serving = await serve('who', {
    ...{ processes: 1, canaryTime: 0, keepAlive: 'pin', keepAliveTimeout: 10_000 },
  })
  const { pool, port } = serving
  const clients = await SteadyClient.openIdle(port, 20)
  const before = pids(pool)
  const reloaded = pool.reload()
  await until(() => before.every((pid) => hasLeft(pool, pid)), LIMIT_MS, 'it leaves')
  await sleep(500)
  for (const { pid, isLast } of await askAll(clients)) {
    assert.ok(before.includes(pid))
    assert.ok(isLast)
  }
  await reloaded
  dispose(clients)
})

/** Whether it takes no new connections any more. */
function hasLeft(pool: Pool, pid: number): boolean {
  const process = pool.stats().processes.find((one) => one.pid === pid)
  return process === undefined || process.state === 'draining'
}

for (const [name, options] of [
  ['auto', {}],
  ['park', { keepAlive: 'park' }],
  ['pin', { keepAlive: 'pin' }],
  ['TLS', { listen: 'https://127.0.0.1:0', tls: local }],
] as const) {
  test(`the end of the pool (${name}): who reuses the connection steadily loses nothing, and who is idle for long is not waited for`, async () => {
    const serving = await serve('who', {
      ...two,
      ...options,
      shutdownIdleTimeout: 2000,
      drainTimeout: 20_000,
    })
    const { pool, port } = serving
    const isSecure = name === 'TLS'
    const open = async (): Promise<SteadyClient> => {
      const client = await SteadyClient.open(port, isSecure)
      await client.ask()
      return client
    }
    // With parking, the first one waits in its thread for the parker.
    using first = await open()
    await sleep(200)
    await first.ask()
    using idle = await open()
    await sleep(2100)
    const steady = await Promise.all(Array.from({ length: 10 }, open))
    const asked = steady.map((client, index) => client.askUntilLast(20 + index * 50))
    await sleep(100)
    const began = performance.now()
    const closed = pool.close()
    await until(() => idle.isOver, 1900, 'the idle one is closed at once')
    for (const answers of await Promise.all(asked)) assert.ok(answers >= 1)
    await closed
    const tookMs = performance.now() - began
    assert.ok(tookMs < 10_000, `${tookMs} ms`)
    dispose(steady)
  })
}

test('a child that is killed takes its own connections along, and no others', async () => {
  await using serving = await serve('who', { ...two, keepAlive: 'park', keepAliveTimeout: 60_000 })
  const { pool, port } = serving
  const clients = await SteadyClient.openIdle(port, 100)
  const [first = 0] = pids(pool)
  const reloaded = pool.reload()
  await until(() => hasLeft(pool, first), LIMIT_MS, 'it leaves')
  send(first, 'SIGKILL')
  await reloaded
  const left = clients.filter(({ isOver }) => !isOver)
  // At that moment it has moved some, all, or none.
  const answers = await askAll(left)
  assert.is(answers.length, left.length)
  dispose(clients)
})

testWith('prlimit', 'what has no room in the others is asked to go, and counted', async () => {
  using folder = tempFolder()
  const admin = `unix:${folder.file('admin')}`
  writeFileSync(
    folder.file('app.mjs'),
    `export { default } from ${JSON.stringify(fixture('who'))}\n`,
  )
  const size = ['--processes', '1', '--threads', '1', '--keep-alive', 'park']
  const times = ['--keep-alive-timeout', '60000', '--shutdown-idle-timeout', '500']
  await using program = startCli([
    ...[folder.file('app.mjs'), '--listen', '127.0.0.1:0', '--admin', admin, ...size, ...times],
    ...['--canary-time', '0'],
  ])
  const [url = ''] = await program.ready()
  const clients = await SteadyClient.openIdle(portOf(url), 300)
  // For the next child; the one that serves has what it has.
  execFileSync('prlimit', ['--pid', String(program.pid), '--nofile=200:200'])
  const { code, stderr } = await runCli(['reload', '--admin', admin])
  assert.is(code, 0, stderr)
  const { stdout } = await runCli(['status', '--json', '--admin', admin])
  const { totals } = JSON.parse(stdout) as { totals: { moved: number; unmoved: number } }
  // What waited in vain on its way was taken back before the reload was over.
  assert.is(totals.moved + totals.unmoved, 300)
  assert.ok(totals.moved > 20 && totals.unmoved > 100, JSON.stringify(totals))
  const there = clients.filter(({ isOver }) => !isOver)
  assert.is(there.length, totals.moved)
  await askAll(there)
  // There is room for new ones.
  using late = await SteadyClient.open(portOf(url))
  await late.ask()
  dispose(clients)
})

test.run()
