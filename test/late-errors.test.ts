/** Errors that nobody waits for any more: they cost no other thread its requests, and are told. */
import type { ForkthreadError } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 20_000

test('a thread that throws behind its end ends alone', async () => {
  await using serving = await serve('late-errors', {
    ...{ threads: 3, spares: { min: 1, max: 3 }, env: { LATE_ERRORS: 'late' } },
  })
  const { pool, url, errors } = serving
  const before = pool.stats().processes.map(({ pid }) => pid)
  const slow = get(`${url}/slow`)
  await until(() => pool.stats().threads.busy === 1, LIMIT_MS, 'one is busy')
  pool.resize({ threads: 1 })
  const isAlone = (): boolean => pool.stats().processes.every(({ threads }) => threads.length === 1)
  await until(isAlone, LIMIT_MS, 'the others have gone')
  assert.is((await slow).body, 'slow')
  assert.equal(
    pool.stats().processes.map(({ pid }) => pid),
    before,
  )
  assert.is(pool.stats().totals.childDeaths, 0)
  for (const { code } of errors) assert.match(code, /^FT_ERR_(HANDLER|THREAD_DIED)$/)
})

test('a module that throws behind its failed load: the reload fails, and the pool serves on', async () => {
  await using serving = await serve('late-errors', { threads: 2 })
  const { pool, url } = serving
  const slow = get(`${url}/slow`)
  await pool.reload({ env: { LATE_ERRORS: 'load' } }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, 'the load has failed'),
  )
  assert.is((await slow).body, 'slow')
  assert.is((await get(url)).body, 'quick')
  assert.is(pool.stats().generation, 0)
})

test('code in a child spoils its channel to the parent: at most that child ends, and the pool serves on', async () => {
  await using serving = await serve('late-errors', { processes: 2, threads: 1 })
  const { pool, url, errors } = serving
  await get(`${url}/spoil-internal`)
  for (let count = 0; count < 4; count++) assert.is((await get(url)).body, 'quick')
  assert.equal(errors, [])
  for (const [index, way] of ['text', 'close'].entries()) {
    const before = pool.stats().processes.map(({ pid }) => pid)
    await get(`${url}/spoil-${way}`).catch(() => undefined)
    await until(() => errors.length > index, LIMIT_MS, `a report of ${way}`)
    assert.is(errors[index]?.code, 'FT_ERR_CHILD_DIED')
    assert.is((errors[index]?.cause as ForkthreadError | undefined)?.code, 'FT_ERR_CHILD_CHANNEL')
    assert.is((await get(url)).body, 'quick')
    await until(() => pool.stats().threads.idle === 2, LIMIT_MS, 'two threads again')
    const stayed = pool.stats().processes.filter(({ pid }) => before.includes(pid))
    assert.is(stayed.length, 1, way)
  }
})

test.run()
