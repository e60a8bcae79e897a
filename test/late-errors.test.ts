/** Errors that nobody waits for any more: they cost no other thread its requests, and are told. */
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

test.run()
