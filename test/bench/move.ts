/**
 * What it costs that idle connections go on in other processes when theirs leave, and what a reload does to those who ask meanwhile.
 *
 *     npm run build && npx tsc -p test/tsconfig.json && node build/test/bench/move.js [--idle N] [--seconds N]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createPool, type Pool } from '#dist/index.js'
import { Mailbox } from '#dist/sync/mailbox.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { get, keepAliveAgent, portOf } from '../support/http.js'
import { fixture } from '../support/paths.js'
import { SteadyClient } from '../support/steady-client.js'
import { wholeNumber } from './command-line.js'
import { processTree } from './process-tree.js'
import { quantile } from './statistics.js'

const TICKS_PER_SECOND = 100
const AT_ONCE = 200
const SERVICE_MS = 20
const CONNECTIONS = 32
const LOAD = 0.6
const THREADS = 4

const { values } = parseArgs({
  options: { idle: { type: 'string' }, seconds: { type: 'string' } },
})
const idle = wholeNumber('--idle', values.idle) ?? 10_000
const seconds = wholeNumber('--seconds', values.seconds) ?? 10

async function start(name: string): Promise<Pool> {
  return await createPool({
    ...{ handler: fixture(name), listen: '127.0.0.1:0', keepAliveTimeout: 600_000, backlog: 4096 },
    ...{ processes: 2, threads: 2, canaryTime: 0, shutdownIdleTimeout: 0 },
  })
}

/** Of the children, also of those that are gone; without what this process does for its clients. */
function childMs(): number {
  const own = processTree(process.pid).reduce(
    (sum, { pid, ownTicks, reapedTicks }) =>
      sum + (pid === process.pid ? reapedTicks : ownTicks + reapedTicks),
    0,
  )
  return (own * 1000) / TICKS_PER_SECOND
}

async function reloadMs(pool: Pool): Promise<{ cpuMs: number; tookMs: number }> {
  const before = childMs()
  const began = performance.now()
  await pool.reload()
  return { cpuMs: childMs() - before, tookMs: performance.now() - began }
}

async function manyIdle(): Promise<void> {
  const pool = await start('who')
  const empty = await reloadMs(pool)
  const clients: SteadyClient[] = []
  while (clients.length < idle)
    clients.push(...(await SteadyClient.openIdle(portOf(pool.address), Math.min(AT_ONCE, idle))))
  const full = await reloadMs(pool)
  const { moved } = pool.stats().totals
  let failed = 0
  for (let at = 0; at < clients.length; at += AT_ONCE)
    await Promise.all(
      clients.slice(at, at + AT_ONCE).map((client) => client.ask().catch(() => failed++)),
    )
  console.log(
    `${clients.length} idle connections over a reload of 2 x 2: ${moved} moves, ${failed} failed; CPU ${full.cpuMs} ms (without connections ${empty.cpuMs}), ${full.tookMs.toFixed()} ms (${empty.tookMs.toFixed()})`,
  )
  for (const client of clients) client[Symbol.dispose]()
  await pool.close()
}

/** What parking would cost more if each parked connection were held by another process, too: one message there. */
function holdOutside(): void {
  const rounds = 20_000
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  const ends = openDescriptorSockets()
  const mailbox = new Mailbox(ends, scoreboard)
  const { sendEnd, receiveEnd } = openDescriptorSockets()
  const began = process.cpuUsage()
  for (let round = 0; round < rounds; round++) {
    mailbox.put(sendEnd)
    closeDescriptor(mailbox.take() & 0x3fffff)
  }
  const { user, system } = process.cpuUsage(began)
  for (const fd of [sendEnd, receiveEnd, ends.sendEnd, ends.receiveEnd]) closeDescriptor(fd)
  console.log(
    `to send a descriptor and take it: ${((user + system) / rounds).toFixed(1)} µs of CPU; a connection held outside costs that twice a request`,
  )
}

/** ms from when a request was due to its answer, of an open loop over kept connections. */
async function askSteadily(pool: Pool, during: () => Promise<void>): Promise<number[]> {
  const agent = keepAliveAgent(CONNECTIONS)
  const everyMs = SERVICE_MS / (THREADS * LOAD)
  const took: number[] = []
  const asked: Promise<unknown>[] = []
  let isOver = false
  const done = during().finally(() => {
    isOver = true
  })
  for (let at = performance.now(); !isOver; at -= everyMs * Math.log(1 - Math.random())) {
    await sleep(Math.max(0, at - performance.now()))
    const dueAt = at
    asked.push(
      get(`${pool.address}/?ms=${SERVICE_MS}`, { agent }).then(() =>
        took.push(performance.now() - dueAt),
      ),
    )
  }
  await done
  await Promise.all(asked)
  agent.destroy()
  return took
}

async function tail(): Promise<void> {
  const pool = await start('sleeps')
  await askSteadily(pool, () => sleep(2000))
  const quiet = await askSteadily(pool, () => sleep(seconds * 1000))
  let reloads = 0
  const reloading = await askSteadily(pool, async () => {
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      await pool.reload()
      reloads++
    }
  })
  const line = (took: readonly number[]): string =>
    `p50 ${quantile(took, 0.5).toFixed(1)}, p99 ${quantile(took, 0.99).toFixed(1)} ms (${took.length} requests)`
  console.log(`blocking ${SERVICE_MS} ms, 2 x 2, ${LOAD * 100} % load: ${line(quiet)}`)
  console.log(`the same while ${reloads} reloads run, one after the other: ${line(reloading)}`)
  await pool.close()
}

holdOutside()
await manyIdle()
await tail()
