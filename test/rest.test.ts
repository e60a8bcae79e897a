/** Threads give back memory soon after their start, without anybody's waiting for that or starting others. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const LOOK_AGAIN_MS = 2_500

test('each thread of a child collects its garbage once, in turn; the pool stays as it is', async () => {
  await using serving = await serve('collects', {
    // Two answer, one rests, and one is left.
    threads: { min: 4, max: 6 },
    spares: { min: 1, max: 6 },
  })
  const { pool, url, errors } = serving
  const decisions: unknown[] = []
  pool.on('decision', (decision) => decisions.push(decision))
  const collected = new Map<string, number>()
  // Two at once, so that not only the first idle thread answers; and seldom, since only a thread that is left alone rests.
  const look = async () => {
    await sleep(LOOK_AGAIN_MS)
    const answers = await Promise.all(Array.from({ length: 2 }, () => get(url)))
    for (const { body } of answers) {
      const { id, collections } = JSON.parse(body)
      collected.set(id, Math.max(collections, collected.get(id) ?? 0))
    }
    return [...collected.values()].filter((times) => times > 1).length >= 2
  }
  await until(
    look,
    LIMIT_MS,
    'two threads that have collected all there is, which takes two rounds',
  )
  assert.equal(decisions, [])
  assert.equal(errors, [])
  await until(() => pool.stats().threads.idle === 4, LIMIT_MS, 'four idle threads')
})

test.run()
