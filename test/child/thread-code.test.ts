/** A thread that starts later than its process begins with what V8 made of the code in another one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from '../support/http.js'
import { serve } from '../support/serve.js'
import { until } from '../support/until.js'

const LIMIT_MS = 20_000
const MOST = 16

test('the first thread that a process starts later hands its code over, and those after it begin with that', async () => {
  await using serving = await serve('thread-code')
  const { pool, url } = serving
  const answers = async (threads: number): Promise<string[]> => {
    pool.resize({ threads })
    await until(() => pool.stats().threads.idle === threads, LIMIT_MS, `${threads} idle threads`)
    const replies = await Promise.all(Array.from({ length: threads * 4 }, () => get(url)))
    return replies.map(({ body }) => body)
  }
  assert.not((await answers(2)).includes('true'))
  let threads = 3
  // When the code comes is nobody's promise, but some thread starts after it.
  while (!(await answers(threads)).includes('true')) {
    threads += 1
    assert.ok(threads < MOST)
  }
  assert.equal(serving.errors, [])
})

test.run()
