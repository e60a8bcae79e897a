/** The stack of a thread that blocks, while the thread that asks has work of its own. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { stackOf } from '#dist/child/thread-stack.js'

const ROUNDS = 40
const TIMERS = 3000

/** Sets and clears timers as a busy thread does, but all the time; each is in a list of its own. */
function churn(): Disposable {
  let isOver = false
  const turn = (): void => {
    const timers = Array.from({ length: TIMERS }, (_, index) =>
      setTimeout(() => undefined, 60_000 + index),
    )
    for (const timer of timers) clearTimeout(timer)
    if (!isOver) setImmediate(turn)
  }
  turn()
  return {
    [Symbol.dispose]: () => {
      isOver = true
    },
  }
}

test('the interrupts by which it comes leave the timers of who asks as they are', async () => {
  const worker = new Worker('(function spins() { for (;;); })()', { eval: true })
  await once(worker, 'online')
  try {
    using _ = churn()
    let found = 0
    // A broken list throws from within `setTimeout`, sooner or later: from here, or as an uncaught exception.
    for (let round = 0; round < ROUNDS; round++) {
      const [place] = await stackOf(worker.threadId)
      if (place?.startsWith('spins') === true) found++
    }
    assert.ok(found > 0)
  } finally {
    await worker.terminate()
  }
})

test.run()
