/**
 * Steady load, and deaths of every kind at random moments: only what was in flight on the dead fails, and nothing is
 * left behind. FORKTHREAD_CHAOS=seconds makes it longer, FORKTHREAD_SEED repeats a run.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { Agent, type ClientRequest, request } from 'node:http'
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

const LIMIT_MS = 30_000
const SECONDS = Number(process.env.FORKTHREAD_CHAOS ?? 32)
const SEED = Number(process.env.FORKTHREAD_SEED ?? Date.now() % 1_000_000)

const ARRIVALS_PER_SECOND = 120
const BLOCKED_MS = 2000
/** What a busy machine may put between a death and the moment at which this process learns of it. */
const SLACK_MS = 1500

type Server = string

interface Sent {
  readonly id: number
  readonly path: string
  /** The request itself kills whoever serves it. */
  readonly isDeadly: boolean
  readonly startedAt: number
  endedAt: number
  error: NodeJS.ErrnoException | undefined
  /** It travelled on a connection that had served another one before. */
  isReused: boolean
  /** Who says to have served it. */
  server: Server
}

/** Clients that come whether or not those before them have been served. */
class Load {
  readonly sent: Sent[] = []
  /** Requests that found a kept connection closed, and went over a new one as every client does. */
  retries = 0
  readonly #address: string
  readonly #random: Random
  readonly #keepAlive = new Agent({ keepAlive: true, maxFreeSockets: 16 })
  readonly #perRequest = new Agent({ keepAlive: false })
  readonly #pending = new Set<Promise<void>>()

  constructor(address: string, random: Random) {
    this.#address = address
    this.#random = random
  }

  async run(ms: number): Promise<void> {
    const endsAt = performance.now() + ms
    let next = performance.now()
    while (next < endsAt) {
      await sleep(Math.max(0, next - performance.now()))
      for (
        ;
        next <= performance.now();
        next += this.#random.exponential(1000 / ARRIVALS_PER_SECOND)
      )
        this.send(this.#random.pick(mix), false)
    }
    // Those that are sent again while the last ones are waited for, too.
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  send(path: string, isDeadly: boolean): void {
    const isKept = !isDeadly && this.#random.next() < 0.5
    const done = this.#exchange(path, isDeadly, isKept ? this.#keepAlive : this.#perRequest)
    this.#pending.add(done)
    void done.then(() => this.#pending.delete(done))
  }

  close(): void {
    this.#keepAlive.destroy()
    this.#perRequest.destroy()
  }

  async #exchange(path: string, isDeadly: boolean, agent: Agent): Promise<void> {
    const id = this.sent.length
    const startedAt = performance.now()
    const sent: Sent = {
      id,
      path,
      isDeadly,
      startedAt,
      endedAt: 0,
      error: undefined,
      isReused: false,
      server: '',
    }
    this.sent.push(sent)
    const url = `${this.#address}${path}${path.includes('?') ? '&' : '?'}id=${id}`
    const outgoing = request(url, { agent, timeout: LIMIT_MS })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    try {
      const body = await reply(outgoing)
      sent.server = body.split(' ')[0] ?? ''
    } catch (error) {
      sent.error = error as Error
      sent.isReused = outgoing.reusedSocket
      // RFC 9112, 9.3.1: a server may close an idle connection at any time.
      if (sent.isReused && isReset(sent.error)) {
        this.retries++
        this.send(path, false)
      }
    }
    sent.endedAt = performance.now()
  }
}

const mix = [
  ...Array.from({ length: 14 }, () => '/'),
  ...Array.from({ length: 4 }, () => '/slow?ms=50'),
  ...Array.from({ length: 2 }, () => '/block?ms=50'),
]

async function reply(outgoing: ClientRequest): Promise<string> {
  return await new Promise((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.once('response', (incoming) => {
      let body = ''
      incoming.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      incoming.once('error', reject)
      incoming.once('end', () => {
        if (incoming.statusCode === 200) resolve(body)
        else reject(new Error(`status ${incoming.statusCode}`))
      })
    })
    outgoing.end()
  })
}

interface Ended {
  readonly at: number
  readonly isExpected: boolean
}

/** Kills at random, and keeps the book. `spared` loses threads only. */
class Reaper {
  readonly ends = new Map<number, Ended>()
  readonly #pool: Pool
  readonly #load: Load
  readonly #random: Random
  readonly #spared: number
  readonly counts: Record<string, number> = {}

  constructor(pool: Pool, load: Load, random: Random, spared: number) {
    this.#pool = pool
    this.#load = load
    this.#random = random
    this.#spared = spared
    pool.on('exit', ({ pid, expected, code }) => {
      this.ends.set(pid, { at: performance.now(), isExpected: expected && code === 0 })
    })
  }

  async run(ms: number): Promise<void> {
    const endsAt = performance.now() + ms
    while (performance.now() < endsAt) {
      const kind = this.#random.pick(deaths)
      this.counts[kind] = (this.counts[kind] ?? 0) + 1
      await this.#kill(kind)
      await sleep(this.#random.from(200, 1200))
    }
  }

  async #kill(kind: (typeof deaths)[number]): Promise<void> {
    if (kind.startsWith('/')) return this.#load.send(kind, true)
    const { processes } = this.#pool.stats()
    const victims = processes.filter(({ pid, state }) => state === 'ready' && pid !== this.#spared)
    if (victims.length === 0) return
    const { pid } = this.#random.pick(victims)
    if (kind === 'resize') {
      this.#pool.resize({ threads: this.#random.from(1, 3) })
      return
    }
    // Only `Children` knows for certain that a pid is still its child's; one that has died since was not waited for yet.
    if (this.ends.has(pid)) return
    send(pid, kind as NodeJS.Signals)
    if (kind !== 'SIGSTOP') return
    // What it had in flight hangs until somebody kills it: the pool if connections wait for it, else its operator.
    await sleep(this.#random.from(500, 1500))
    if (!this.ends.has(pid)) send(pid, 'SIGKILL')
  }
}

const deaths = [
  '/throw-later',
  '/exit?status=1',
  '/out-of-memory',
  '/spin',
  'SIGKILL',
  'SIGKILL',
  'SIGSEGV',
  'SIGABRT',
  'SIGTERM',
  'SIGSTOP',
  'resize',
] as const

for (const acceptMutex of ['flock', 'none'] as const) {
  test(`deaths of every kind under load (${acceptMutex})`, async () => {
    const random = new Random(SEED)
    using folder = tempFolder()
    using logs = tempFolder()
    const log = logs.file('requests')
    const { TMPDIR } = process.env
    process.env.TMPDIR = folder.path
    const pool = await createPool({
      handler: fixture('mortal'),
      listen: '127.0.0.1:0',
      processes: 3,
      threads: 2,
      acceptMutex,
      // A parker, started at some moment or not, would change what descriptors there are. It has a chaos of its own.
      keepAlive: 'pin',
      blockedTimeout: BLOCKED_MS,
      // For a thread in an endless loop that is asked to go; all else is done within 50 ms.
      drainTimeout: 5000,
      recycleRequests: 300,
      resourceLimits: { maxOldGenerationSizeMb: 32 },
      env: { REQUEST_LOG: log },
    }).finally(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = TMPDIR
    })
    const load = new Load(pool.address, random)
    try {
      const reports: ForkthreadError[] = []
      pool.on('error', (error) => reports.push(error as ForkthreadError))
      const spared = pool.stats().processes[0]?.pid ?? 0
      const now = () => openDescriptors([spared])[spared] ?? []
      const open = now()

      const reaper = new Reaper(pool, load, random, spared)
      const ms = (SECONDS / 2) * 1000
      await Promise.all([load.run(ms), reaper.run(ms - 3000)])
      load.close()
      pool.resize({ threads: 2 })
      await until(() => isIdle(pool.stats(), 6), LIMIT_MS, 'all idle again')

      const failed = load.sent.filter(({ error }) => error !== undefined)
      console.log(
        `${acceptMutex}, seed ${SEED}: ${load.sent.length} requests, ${failed.length} failed, ` +
          `${load.retries} retries; ${JSON.stringify(reaper.counts)}`,
      )
      judge(load, reaper, readLog(log))

      const { totals } = pool.stats()
      const unexpected = [...reaper.ends.values()].filter(({ isExpected }) => !isExpected)
      let cutOff = 0
      let cutOffChildren = 0
      for (const { code, message, cause } of reports) {
        // Nobody looks for an endless loop in a thread that is about to leave.
        if (code === 'FT_ERR_DRAIN_TIMEOUT' && String(cause).includes('GET /spin')) {
          cutOff++
          if (message.startsWith('Child ')) cutOffChildren++
        } else assert.match(code, /^FT_ERR_(CHILD|THREAD)_DIED$/, `${message} ${cause}`)
      }
      const reported = (code: string) => reports.filter((report) => report.code === code).length
      // One that is cut off was asked to go: that is no death of its own.
      const deaths = unexpected.length - cutOffChildren
      assert.is(reported('FT_ERR_CHILD_DIED'), deaths)
      assert.is(totals.childDeaths, deaths)
      // The child that counts and reports the death of a thread may be killed between the two.
      const difference = Math.abs(totals.threadDeaths - reported('FT_ERR_THREAD_DIED'))
      assert.ok(difference <= unexpected.length, `${difference} thread deaths unreported`)

      const served = load.sent.length - failed.length
      // The count comes after the response: it dies with its thread. What failed may have been counted as ended.
      const died = unexpected.length + totals.threadDeaths + cutOff
      const bounds = `${served} served, ${failed.length} failed, ${died} deaths`
      assert.ok(totals.requests >= served - died, `${totals.requests} counted; ${bounds}`)
      assert.ok(totals.requests <= served + failed.length, `${totals.requests} counted; ${bounds}`)

      assert.equal(zombies(), [])
      const isSpared = pool.stats().processes.some(({ pid }) => pid === spared)
      assert.ok(isSpared, 'the process that lost threads only is still there')
      await until(() => now().join() === open.join(), LIMIT_MS, 'no descriptor more').catch(() =>
        assert.equal(now(), open),
      )
    } finally {
      load.close()
      await pool.close()
    }
    assert.equal(readdirSync(folder.path), [])
    assert.equal(children(process.pid), [])
  })
}

/** Each failure has a death to blame. */
function judge({ sent }: Load, { ends }: Reaper, begun: ReadonlyMap<number, Server>): void {
  /** Threads that a request has killed, and when that began. */
  const doomed = new Map<Server, Sent>()
  for (const one of sent) {
    const server = begun.get(one.id)
    if (one.isDeadly && server !== undefined) doomed.set(server, one)
  }
  const accidents = [
    ...[...ends.values()].filter(({ isExpected }) => !isExpected).map(({ at }) => at),
    ...[...doomed.values()].map(({ endedAt }) => endedAt),
  ]
  for (const one of sent) {
    const server = begun.get(one.id)
    const at = `${Math.round(one.startedAt)} to ${Math.round(one.endedAt)}`
    const end = ends.get(Number(server?.split(':')[0]))
    const killer = server === undefined ? undefined : doomed.get(server)
    const what =
      `request ${one.id} (${one.path}, from ${at}, served by ${server}): ${one.error}; ` +
      `process ${JSON.stringify(end)}, thread ${JSON.stringify(killer)}`
    if (one.error === undefined) {
      assert.is(one.server, server, what)
      assert.not.ok(one.isDeadly, what)
      continue
    }
    assert.ok(isBrokenConnection(one.error), what)
    if (server === undefined) {
      // Lost on its way to a thread: somebody died then, or its kept connection was closed and it was sent again.
      const isNear = (at: number): boolean =>
        at >= one.startedAt - SLACK_MS && at <= one.endedAt + SLACK_MS
      assert.ok((one.isReused && isReset(one.error)) || accidents.some(isNear), what)
      continue
    }
    const hasThreadDied = killer !== undefined && killer.startedAt <= one.endedAt
    const hasProcessDied =
      end !== undefined && !end.isExpected && Math.abs(end.at - one.endedAt) <= SLACK_MS
    assert.ok(hasThreadDied || hasProcessDied, what)
  }
}

/** What a client sees of a server that is gone. */
function isBrokenConnection(error: NodeJS.ErrnoException): boolean {
  return isReset(error) || error.code === 'EPIPE'
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET'
}

function readLog(path: string): Map<number, Server> {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return new Map(
    lines.map((line) => {
      const [id, server = ''] = line.split(' ')
      return [Number(id), server]
    }),
  )
}

/** Children of this process that have ended and were never waited for. */
function zombies(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' && Number(parent) === process.pid ? [Number(name)] : []
    } catch {
      // No process, or gone by now.
      return []
    }
  })
}

test.run()
