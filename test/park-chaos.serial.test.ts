/**
 * Keep-alive clients of a pool that parks their connections, and deaths: of the parker, which nobody may notice; then of
 * threads and processes as well, which take with them what they had. In the end nothing is left behind.
 * FORKTHREAD_CHAOS=seconds makes it longer, FORKTHREAD_SEED repeats a run.
 */
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool, type ForkthreadError, type Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isIdle } from './support/mortal.js'
import { fixture } from './support/paths.js'
import { openDescriptors } from './support/pool-processes.js'
import { children, send } from './support/processes.js'
import { Random } from './support/random.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 20_000
const SECONDS = Number(process.env.FORKTHREAD_CHAOS ?? 16)
const SEED = Number(process.env.FORKTHREAD_SEED ?? Date.now() % 1_000_000)
const CLIENTS = 40
const PROCESSES = 2
const THREADS = 3
/** A thread in an endless loop is ended after so long; what it had in flight fails then. */
const BLOCKED_MS = 1500
/** So many parkers end at the least. */
const FEWEST_PARKERS = 3
/** Duplicates of a wake descriptor that may stay when a thread dies while it reserves a number. */
const MOST_PLACEHOLDERS = 2

interface Failure {
  readonly what: string
  readonly at: number
  readonly error: NodeJS.ErrnoException
}

let lastId = 0

/** Clients with one connection each, which they keep between requests as long as it lasts. */
class Clients {
  requests = 0
  served = 0
  connections = 0
  readonly failures: Failure[] = []
  readonly #address: string
  readonly #random: Random
  readonly #all: Promise<void>[]
  #isOver = false

  constructor(address: string, random: Random) {
    this.#address = address
    this.#random = random
    this.#all = Array.from({ length: CLIENTS }, () => this.#live())
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#all)
  }

  async #live(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!this.#isOver) {
      await this.ask(this.#random.pick(mix), agent)
      await sleep(this.#random.pick([0, 1, 5, 20, 100, 300]))
      // Some go away while they are parked.
      if (this.#random.next() < 0.02) agent.destroy()
    }
    agent.destroy()
  }

  /** The answer must be the one to this very request. */
  async ask(path: string, agent?: Agent): Promise<string> {
    this.requests++
    const id = String(lastId++)
    const url = `${this.#address}${path}${path.includes('?') ? '&' : '?'}id=${id}`
    const outgoing = request(url, { agent, timeout: LIMIT_MS })
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')))
    try {
      const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.once('socket', () => {
          if (!outgoing.reusedSocket) this.connections++
        })
        outgoing.once('response', resolve).once('error', reject)
        outgoing.end()
      })
      let body = ''
      for await (const text of incoming.setEncoding('utf8')) body += text
      assert.is(incoming.statusCode, 200)
      assert.is(incoming.headers['x-id'], id)
      this.served++
      return body
    } catch (error) {
      const what = `${path}, id ${id}${outgoing.reusedSocket ? ', kept connection' : ''}`
      this.failures.push({ what, at: performance.now(), error: error as NodeJS.ErrnoException })
      return ''
    }
  }
}

const mix = [
  ...Array.from({ length: 12 }, () => '/'),
  ...Array.from({ length: 3 }, () => '/slow?ms=30'),
  ...Array.from({ length: 3 }, () => '/block?ms=20'),
]

const parked = (pool: Pool): number =>
  pool.stats().processes.reduce((sum, process) => sum + process.parked, 0)

const deaths = [
  '/kill-parker',
  '/kill-parker',
  '/throw-later',
  '/exit?status=1',
  '/spin',
  'SIGKILL',
  'SIGKILL',
] as const

for (const acceptMutex of ['none', 'flock'] as const) {
  test(`deaths of every kind while connections are parked (${acceptMutex})`, async () => {
    const random = new Random(SEED)
    using logs = tempFolder()
    const log = logs.file('requests')
    const pool = await createPool({
      handler: fixture('mortal'),
      listen: '127.0.0.1:0',
      processes: PROCESSES,
      threads: THREADS,
      acceptMutex,
      keepAlive: 'park',
      blockedTimeout: BLOCKED_MS,
      drainTimeout: 5000,
      env: { REQUEST_LOG: log },
    })
    const reports: ForkthreadError[] = []
    pool.on('error', (error) => reports.push(error as ForkthreadError))
    let exits = 0
    const ended = new Map<number, string>()
    pool.on('exit', ({ pid, code, signal, expected }) => {
      ended.set(pid, `${expected ? 'left' : 'died'}: ${code ?? signal}`)
      if (!expected) exits++
    })
    try {
      const isParking = () => pool.stats().processes.every((process) => process.parked > 0)
      const isEmpty = () =>
        isIdle(pool.stats(), PROCESSES * THREADS) &&
        parked(pool) === 0 &&
        pool
          .stats()
          .processes.every(({ threads }) => threads.every(({ connections }) => connections === 0))

      // Once round, so that every process has its parker.
      const first = new Clients(pool.address, random)
      await until(isParking, LIMIT_MS, 'parked connections in each process')
      await first.end()
      assert.equal(first.failures, [])
      await until(isEmpty, LIMIT_MS, 'the end of all connections')
      const spared = pool.stats().processes[0]?.pid ?? 0
      const look = () => openDescriptors([spared])[spared] ?? []
      const open = look()

      // Without its parker a process loses nothing and answers everything.
      const phaseMs = (SECONDS * 1000) / 4
      const calm = new Clients(pool.address, random)
      const calmEndsAt = performance.now() + phaseMs
      let parkers = 0
      while (performance.now() < calmEndsAt || parkers < FEWEST_PARKERS) {
        if ((await calm.ask('/kill-parker')).endsWith(' 1')) parkers++
        await sleep(random.from(20, 600))
      }
      await calm.end()
      assert.equal(calm.failures, [], `seed ${SEED}`)
      assert.is(calm.served, calm.requests)

      const wild = new Clients(pool.address, random)
      const counts: Record<string, number> = {}
      const wildEndsAt = performance.now() + phaseMs
      let deadly = 0
      while (performance.now() < wildEndsAt) {
        const kind = random.pick(deaths)
        counts[kind] = (counts[kind] ?? 0) + 1
        if (!kind.startsWith('/')) {
          const others = pool.stats().processes.filter(({ pid }) => pid !== spared)
          const victim = others.find(({ state }) => state === 'ready')
          if (victim !== undefined) send(victim.pid, kind as NodeJS.Signals)
        } else {
          if (kind !== '/kill-parker') deadly++
          void wild.ask(kind)
        }
        await sleep(random.from(100, 900))
      }
      await wild.end()
      await until(isEmpty, LIMIT_MS, 'all idle again, and nothing open').catch((error) => {
        throw new Error(`${error.message}: ${JSON.stringify(pool.stats())}`)
      })
      console.log(
        `${acceptMutex}, seed ${SEED}: ${calm.requests} requests while ${parkers} parkers ended, then ` +
          `${wild.requests}, ${wild.failures.length} failed; ${JSON.stringify(counts)}`,
      )
      for (const { what, error } of wild.failures)
        assert.match(error.code ?? error.message, /^(ECONNRESET|EPIPE)$/, `seed ${SEED}: ${what}`)
      // A thread takes what it has in flight, a process what is parked there, too.
      const most = deadly * CLIENTS + exits * (CLIENTS + 1)
      assert.ok(wild.failures.length <= most, `${wild.failures.length} failures`)

      // Whoever was killed in the middle may have begun a request; nobody has begun one twice.
      const begun = readFileSync(log, 'utf8').trimEnd().split('\n')
      const ids = begun.map((line) => line.split(' ')[0])
      assert.is(new Set(ids).size, ids.length)

      const clients = [first, calm, wild]
      const { totals } = pool.stats()
      const connections = clients.reduce((sum, each) => sum + each.connections, 0)
      const served = clients.reduce((sum, each) => sum + each.served, 0)
      const requests = clients.reduce((sum, each) => sum + each.requests, 0)
      assert.ok(totals.connections <= connections, `${totals.connections} of ${connections}`)
      assert.ok(totals.requests <= requests, `${totals.requests} of ${requests}`)
      const died = exits * THREADS + totals.threadDeaths
      assert.ok(totals.requests >= served - died * CLIENTS, `${totals.requests} of ${served}`)
      assert.is(totals.childDeaths, exits)
      assert.is(ended.get(spared), undefined, `the process that nobody killed, seed ${SEED}`)
      for (const { code, message } of reports)
        assert.match(code, /^FT_ERR_(CHILD|THREAD)_DIED$/, message)

      // The pool serves on, with nothing left of what happened.
      const last = new Clients(pool.address, random)
      await until(isParking, LIMIT_MS, 'parked connections again')
      await last.end()
      assert.equal(last.failures, [])
      await until(isEmpty, LIMIT_MS, 'the end of all connections')
      const sockets = (all: readonly string[]) => all.filter((one) => !one.includes('eventfd'))
      const isSame = () => sockets(look()).join() === sockets(open).join()
      await until(isSame, LIMIT_MS, 'no descriptor more').catch(() =>
        assert.equal(look(), open, `seed ${SEED}`),
      )
      assert.ok(look().length <= open.length + MOST_PLACEHOLDERS, `${look()}`)
    } finally {
      await pool.close()
    }
    assert.equal(children(process.pid), [])
  })
}

test.run()
