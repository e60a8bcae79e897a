/** A pool that is told to stop says so first, serves on, finishes what it has, and only then refuses: in this order, for every client. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ForkthreadError, Stats } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get, keepAliveAgent, type Reply } from './support/http.js'
import { fixture } from './support/paths.js'
import { children, send } from './support/processes.js'
import { serve } from './support/serve.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const PRE_STOP_DELAY_MS = 2000
/** Longer than a test may wait for anything. */
const LONG_MS = 600_000

/** Lock folders are made in here. */
const temporary = mkdtempSync(join(tmpdir(), 'forkthread-test-'))
process.env.TMPDIR = temporary
test.after(() => rmSync(temporary, { recursive: true }))

type Mutex = 'flock' | 'none'

/** A pool of two processes with two threads each, however it was started. */
interface Stoppable extends AsyncDisposable {
  readonly url: string
  readonly admin: string
  stop(): void
  /** Checks that it has ended as it should. */
  ended(): Promise<void>
}

async function startCommand(flags: readonly string[] = []): Promise<Stoppable> {
  const program = startCli([
    ...[fixture('http'), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ...['--processes', '2', '--threads', '2', ...flags],
  ])
  const [url = ''] = await program.ready()
  const [, admin = ''] = await program.output(/admin on (\S+)/, 'stderr')
  return {
    url,
    admin,
    stop: () => program.send('SIGTERM'),
    ended: async () => {
      assert.equal(await program.exit(), { code: 0, signal: null })
      await program.gone()
      assert.not.match(program.stderr, 'FT_ERR')
      assert.equal(readdirSync(temporary), [])
    },
    [Symbol.asyncDispose]: () => program.close(),
  }
}

const ways: Readonly<Record<string, (mutex: Mutex) => Promise<Stoppable>>> = {
  TERM: (mutex) => {
    const delay = ['--pre-stop-delay', String(PRE_STOP_DELAY_MS)]
    return startCommand(['--accept-mutex', mutex, ...delay])
  },
  'close()': async (acceptMutex) => {
    const { pool, url, errors } = await serve('http', {
      ...{ admin: '127.0.0.1:0', processes: 2, threads: 2, acceptMutex },
      preStopDelay: PRE_STOP_DELAY_MS,
    })
    let closed: Promise<void> | undefined
    return {
      url,
      admin: pool.adminAddress ?? '',
      stop: () => {
        closed = pool.close()
      },
      ended: async () => {
        assert.ok(closed)
        await within(closed, LIMIT_MS, 'close')
        assert.equal(errors, [])
        assert.equal(readdirSync(temporary), [])
      },
      [Symbol.asyncDispose]: () => pool.close(),
    }
  },
}

interface Attempt {
  readonly beganAt: number
  readonly endedAt: number
  /** `200` for a whole answer, else what the client was told: `ECONNREFUSED`, `ECONNRESET`, another status. */
  readonly outcome: string
}

const paths = {
  '/': 'hello\n',
  '/slow?ms=20': 'done\n',
  '/chunks?count=3&ms=5': 'chunk 0\nchunk 1\nchunk 2\nlast\n',
}

/** Opens one connection after the other, with one request each, until it has been refused three times. */
async function knock(url: string): Promise<readonly Attempt[]> {
  const log: Attempt[] = []
  const isOver = () => log.filter(({ outcome }) => outcome === 'ECONNREFUSED').length === 3
  while (!isOver()) {
    for (const [path, body] of Object.entries(paths)) {
      const beganAt = performance.now()
      const outcome = await get(`${url}${path}`).then(
        (reply) => (reply.body === body ? String(reply.status) : `${reply.status} ${reply.body}`),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      )
      log.push({ beganAt, endedAt: performance.now(), outcome })
      if (isOver()) break
      await sleep(1)
    }
  }
  return log
}

for (const [way, start] of Object.entries(ways)) {
  for (const mutex of ['flock', 'none'] as const) {
    test(`${way}: 503 for the load balancer, 200 for clients, then refusals, and never a 200 again (${mutex})`, async () => {
      await using serving = await start(mutex)
      const { url, admin } = serving
      const ready = () => get(`${admin}/ready`)
      assert.is((await ready()).status, 200)
      const agent = keepAliveAgent()
      await get(url, { agent })
      const logs = Promise.all(Array.from({ length: 16 }, () => knock(url)))
      await sleep(100)

      const stoppedAt = performance.now()
      serving.stop()
      const refusal = await until(
        async () => {
          const reply = await ready()
          return reply.status === 503 ? reply : undefined
        },
        LIMIT_MS,
        '503',
      )
      assert.match(refusal.body, 'draining')
      const saidAt = performance.now()
      const kept = await get(url, { agent })
      assert.is(kept.body, 'hello\n')
      assert.ok(kept.reusedConnection)
      assert.is(kept.headers.connection, 'keep-alive', 'nothing has changed for clients')

      const attempts = await within(logs, LIMIT_MS, 'three refusals of each client')
      agent.destroy()
      for (const log of attempts) {
        const order = log.map(({ outcome }) => outcome)
        const shown = [...new Set(order)].join(', ')
        assert.match(order.join(' '), /^(200 )+ECONNREFUSED ECONNREFUSED ECONNREFUSED$/, shown)
        const served = log.filter(({ beganAt, outcome }) => beganAt > saidAt && outcome === '200')
        assert.ok(served.length > 0, 'new connections are served behind the 503')
      }
      // The same for all of them together: who is refused tells the others that it is over.
      const all = attempts.flat()
      const refused = all.filter(({ outcome }) => outcome === 'ECONNREFUSED')
      const firstRefusal = Math.min(...refused.map(({ endedAt }) => endedAt))
      const late = all.filter((attempt) => !refused.includes(attempt))
      assert.equal(
        late.filter(({ beganAt }) => beganAt > firstRefusal),
        [],
      )
      // A timer may be a millisecond early.
      const waitedMs = firstRefusal - stoppedAt
      assert.ok(waitedMs >= PRE_STOP_DELAY_MS - 10, `refused after ${waitedMs} ms`)
      await serving.ended()
    })
  }
}

test('during preStopDelay a dead process is replaced, nothing else is begun, and kill() does not wait', async () => {
  const { pool, url } = await serve('http', { processes: 2, preStopDelay: LONG_MS })
  const startedAt = performance.now()
  const closed = pool.close()
  try {
    const [victim = 0] = pool.stats().processes.map(({ pid }) => pid)
    // Not `events.once`, which would take the error for its own.
    const died = new Promise((resolve) => pool.once('exit', resolve))
    send(victim, 'SIGKILL')
    await within(died, LIMIT_MS, 'exit')
    const isWhole = () => {
      const { processes } = pool.stats()
      return processes.filter(({ state }) => state === 'ready').length === 2
    }
    await until(isWhole, LIMIT_MS, 'two processes again')
    assert.is((await get(url)).body, 'hello\n')
    const isClosed = ({ code }: ForkthreadError): boolean => code === 'FT_ERR_CLOSED'
    assert.throws(() => pool.resize({ processes: 3 }), isClosed)
    for (const order of [pool.reload(), pool.upgrade()])
      assert.ok(await order.then(() => false, isClosed))
  } finally {
    await pool.kill()
  }
  await closed
  assert.ok(performance.now() - startedAt < LONG_MS)
  assert.equal(children(process.pid), [])
})

test('a second TERM ends preStopDelay, and the pool at once', async () => {
  await using program = startCli([
    ...[fixture('http'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
    ...['--pre-stop-delay', String(LONG_MS)],
  ])
  const [url = ''] = await program.ready()
  program.send('SIGTERM')
  await program.output(/SIGTERM: finishing/, 'stderr')
  assert.is((await get(url)).status, 200)
  // Later than what is taken for the same wish.
  await sleep(400)
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 143, signal: null })
  await program.gone()
})

// As systemd (KillMode=control-group), `tini -g`, foreman and `kill 0` send it, in whatever order the kernel chooses.
for (const order of ['the parent first', 'the children first', 'everybody twice'] as const) {
  test(`TERM to parent and children together, ${order}: what runs and what waits is served`, async () => {
    await using program = startCli([
      ...[fixture('http'), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
      ...['--processes', '2', '--threads', '1', '--spares', '1:2'],
    ])
    const [url = ''] = await program.ready()
    const [, admin = ''] = await program.output(/admin on (\S+)/, 'stderr')
    const replies = Array.from({ length: 20 }, () => get(`${url}/block?ms=50`))
    await until(
      async () => {
        const { listeners } = JSON.parse((await get(`${admin}/status.json`)).body) as Stats
        return (listeners[0]?.backlog.length ?? 0) > 10
      },
      LIMIT_MS,
      'a backlog',
    )
    const everybody = [program.pid, ...children(program.pid)]
    if (order === 'the children first') everybody.reverse()
    const times = order === 'everybody twice' ? 2 : 1
    for (let time = 0; time < times; time++) for (const pid of everybody) send(pid, 'SIGTERM')
    for (const { status } of await Promise.all(replies)) assert.is(status, 200)
    assert.equal(await program.exit(), { code: 0, signal: null })
    await program.gone()
    assert.not.match(program.stderr, 'FT_ERR')
  })
}

test('TERM in the middle of 40 requests: all are answered, each as the last of its connection', async () => {
  await using serving = await startCommand()
  const { url, admin } = serving
  const inFlight = async (): Promise<number> => {
    const stats: Stats = JSON.parse((await get(`${admin}/status.json`)).body)
    const threads = stats.processes.flatMap((process) => process.threads)
    return threads.reduce((sum, thread) => sum + thread.inFlight, 0)
  }
  const agent = keepAliveAgent(20)
  const ask = (path: string): Promise<Reply>[] =>
    Array.from({ length: 20 }, () => get(`${url}${path}`, { agent }))
  for (const { headers } of await Promise.all(ask('/slow?ms=200')))
    assert.is(headers.connection, 'keep-alive')
  const slow = '/slow?ms=2000'
  const kept = ask(slow)
  const single = Array.from({ length: 20 }, () => get(`${url}${slow}`))
  await until(async () => (await inFlight()) === 40, LIMIT_MS, '40 requests in flight')
  serving.stop()
  const replies = await Promise.all([...kept, ...single])
  agent.destroy()
  for (const { status, body, headers } of replies)
    assert.equal([status, body, headers.connection], [200, 'done\n', 'close'])
  assert.ok((await Promise.all(kept)).every(({ reusedConnection }) => reusedConnection))
  await serving.ended()
  assert.is(await get(url).catch((error) => error.code), 'ECONNREFUSED')
})

test.run()
