/** The real pool follows its load, and what it is told. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { begin, isIdle, isWhole } from './support/mortal.js'
import { fixture } from './support/paths.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

test('a burst makes 1 × 1 the whole pool within seconds, and afterwards it shrinks again', async () => {
  const sizes = {
    processes: { min: 1, max: 2 },
    threads: { min: 1, max: 4 },
    spares: { min: 1, max: 2 },
  }
  await using serving = await serve('http', sizes)
  const { pool, url } = serving
  assert.is(pool.stats().processes.length, 1)
  const decisions: string[] = []
  pool.on('decision', ({ action, reason }) => decisions.push(`${action}: ${reason}`))

  const startedAt = performance.now()
  // Twice as many as the whole pool has threads.
  let isOver = false
  const clients = Array.from({ length: 16 }, async () => {
    while (!isOver) assert.is((await get(`${url}/block?ms=100`)).status, 200)
  })
  const isFull = () => {
    const { threads } = pool.stats()
    return threads.idle + threads.busy === 8
  }
  await until(isFull, LIMIT_MS, 'eight threads').catch((cause) => {
    throw new Error(decisions.join('\n'), { cause })
  })
  console.log(`1 × 1 to 2 × 4 in ${Math.round(performance.now() - startedAt)} ms`)
  assert.is(pool.stats().processes.length, 2)
  const why = decisions.join('\n')
  assert.match(why, /^child \d+: start \d threads?: 0 idle < spares\.min 1$/m)
  assert.match(
    why,
    /^start 1 process: 0 idle < spares\.min 1, and all processes have threads\.max$/m,
  )

  isOver = true
  await Promise.all(clients)
  decisions.length = 0
  await until(() => decisions.length > 0, LIMIT_MS, 'the first thread less')
  const { lastDecision } = pool.stats()
  assert.match(lastDecision.action, /^child \d+: retire thread \d$/)
  assert.match(lastDecision.reason, /^\d idle > spares\.max 2$/)
  assert.ok(lastDecision.at <= Date.now())
  // The figures that were printed are those of the decision: no error, no death.
  assert.equal(serving.errors, [])
  const { totals } = pool.stats()
  assert.is(totals.childDeaths + totals.threadDeaths, 0)
})

test('resize takes effect without a restart, and what is in flight is finished', async () => {
  await using serving = await serve('mortal', { processes: 1, threads: 2 })
  const { pool } = serving
  const [first] = pool.stats().processes
  using one = await begin(serving, '/slow?ms=3000')
  using other = await begin(serving, '/slow?ms=3000')

  pool.resize({ processes: 2, threads: 3 })
  await until(() => pool.stats().threads.idle === 4, LIMIT_MS, 'four more threads')
  assert.ok(pool.stats().processes.some(({ pid }) => pid === first?.pid))
  assert.is(pool.stats().threads.max, 6)
  using third = await begin(serving, '/slow?ms=2000')

  pool.resize({ processes: 1, threads: 1 })
  await Promise.all([one.until(/done/), other.until(/done/), third.until(/done/)])
  await isWhole(serving, 1, 0)
  assert.is(pool.stats().processes.length, 1)
  const { totals } = pool.stats()
  assert.is(totals.childDeaths + totals.threadDeaths, 0)
  assert.equal(pool.sizes.processes, { min: 1, max: 1 })
})

test('resize under load fails no request', async () => {
  await using serving = await serve('http', { processes: 1, threads: 1 })
  const { pool, url } = serving
  let isOver = false
  let served = 0
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      assert.is((await get(`${url}/slow?ms=10`)).status, 200)
      served++
    }
  })
  for (const [processes, threads] of [
    [2, 2],
    [1, 3],
    [2, 1],
    [1, 1],
  ] as const) {
    pool.resize({ processes, threads })
    const hasArrived = () => {
      const { threads: all, processes: present } = pool.stats()
      return present.length === processes && all.idle + all.busy === processes * threads
    }
    await until(hasArrived, LIMIT_MS, `${processes} × ${threads}`)
  }
  isOver = true
  await Promise.all(clients)
  assert.ok(served > 0)
  await until(() => isIdle(pool.stats(), 1), LIMIT_MS, 'idle')
  assert.equal(serving.errors, [])
})

test('spares that are resized are taken up by every process', async () => {
  const sizes = {
    processes: 1,
    threads: { min: 1, max: 4 },
    spares: { min: 1, max: 4 },
  }
  await using serving = await serve('http', sizes)
  const { pool } = serving
  await until(() => isIdle(pool.stats(), 1), LIMIT_MS, 'one idle thread')
  pool.resize({ spares: { min: 3, max: 4 } })
  await until(() => pool.stats().threads.idle >= 3, LIMIT_MS, 'three idle threads')
  assert.match(pool.stats().lastDecision.reason, /^[12] idle < spares\.min 3$/)
})

test('TTIN and TTOU: one process more, one less', async () => {
  const size = ['--processes', '1', '--threads', '1']
  await using program = startCli([fixture('http'), '--listen', '127.0.0.1:0', ...size])
  const [address = ''] = await program.ready()
  const [first] = program.children()
  const slow = get(`${address}/slow?ms=3000`)
  program.send('SIGTTIN')
  await program.output(/processes are now 2:2/, 'stderr')
  await program.output(/start 1 process: 1 processes < processes\.min 2/, 'stderr')
  await until(() => program.children().length === 2, LIMIT_MS, 'two processes')
  program.send('SIGTTOU')
  await program.output(/processes are now 1:1/, 'stderr')
  assert.is((await slow).body, 'done\n')
  await until(() => program.children().length === 1, LIMIT_MS, 'one process')
  // There is always one.
  program.send('SIGTTOU')
  await until(() => program.stderr.match(/processes are now 1:1/g)?.length === 2, LIMIT_MS, 'told')
  assert.is((await get(address)).status, 200)
  assert.ok(first !== undefined)
  program.send('SIGTERM')
  assert.is((await program.exit()).code, 0)
})

test.run()
