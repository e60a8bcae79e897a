/** The condition variable: no wake-up is lost, not even on a thread that dies with it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Condition } from '#dist/sync/condition.js'
import { Mutex } from '#dist/sync/mutex.js'
import type { LockTask } from '../fixtures/lock-thread.js'
import { diesAt, startThread } from '../support/death.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000
const At = { mutex: 0, condition: 1, items: 5, taken: 6 } as const
const MAIN = 100

function memory() {
  const shared = new SharedArrayBuffer(64)
  const words = new Int32Array(shared)
  const mutex = new Mutex(words, At.mutex)
  return { shared, words, mutex, condition: new Condition(words, At.condition, mutex) }
}

const take = (shared: SharedArrayBuffer, self: number) =>
  startThread('lock-thread', {
    task: 'take items',
    memory: shared,
    self,
    times: 1,
  } satisfies LockTask)

test('wait is for the holder of the mutex only', () => {
  const { mutex, condition } = memory()
  const refused = (error: { code?: unknown }) => error.code === 'FT_ERR_LOCK_NOT_HELD'
  assert.throws(() => condition.wait(1, 0), refused)
  mutex.lock(2)
  assert.throws(() => condition.wait(1, 0), refused)
})

test('wait with a time tells when it was over, and holds the mutex again', () => {
  const { mutex, condition } = memory()
  mutex.lock(1)
  for (const timeoutMs of [0, 1, 30]) {
    const startedAt = performance.now()
    assert.not(condition.wait(1, timeoutMs))
    assert.ok(performance.now() - startedAt >= timeoutMs)
    assert.ok(mutex.isHeldBy(1))
  }
  mutex.unlock(1)
})

test('wait releases the mutex, and a change made then is seen', () => {
  const { words, mutex, condition } = memory()
  mutex.lock(1)
  let rounds = 0
  const wait = (): void => {
    while (words[At.items] === 0) {
      assert.ok(condition.wait(1))
      rounds++
    }
  }
  const isDead = diesAt(Number.POSITIVE_INFINITY, wait, () => {
    assert.ok(mutex.tryLock(2), 'free while the other one sleeps')
    words[At.items] = 1
    condition.notifyOne()
    mutex.unlock(2)
  })
  assert.not(isDead)
  assert.is(rounds, 1)
  assert.ok(mutex.isHeldBy(1))
})

test('a notification between the release and the sleep ends the wait at once', () => {
  const { words, mutex, condition } = memory()
  mutex.lock(1)
  const { wait } = Atomics
  Object.assign(Atomics, {
    wait: (...args: Parameters<typeof wait>) => {
      Object.assign(Atomics, { wait })
      mutex.lock(2)
      condition.notifyOne()
      mutex.unlock(2)
      return wait(...args)
    },
  })
  try {
    assert.ok(condition.wait(1, LIMIT_MS))
  } finally {
    Object.assign(Atomics, { wait })
  }
  assert.is(words[At.condition], 1)
})

test('threads that wait for items get each exactly once, with one notification per item', async () => {
  const { shared, words, mutex, condition } = memory()
  const takers = [1, 2, 3].map((self) => take(shared, self))
  let made = 0
  for (let round = 0; round < 200; round++) {
    // The main thread must not sleep in `lock` while threads come and go; here none dies.
    mutex.lock(MAIN)
    const more = 1 + (round % 3)
    words[At.items] = (words[At.items] ?? 0) + more
    made += more
    for (let n = 0; n < more; n++) condition.notifyOne()
    mutex.unlock(MAIN)
    if (round % 20 === 0) {
      await until(() => Atomics.load(words, At.taken) === made, LIMIT_MS, `${made} items taken`)
    }
  }
  await until(() => Atomics.load(words, At.taken) === made, LIMIT_MS, 'all items taken')
  mutex.lock(MAIN)
  words[At.items] = -1
  condition.notifyAll()
  mutex.unlock(MAIN)
  await within(Promise.all(takers.map(({ ended }) => ended)), LIMIT_MS, 'notifyAll wakes all')
})

test('waiters that are killed take no wake-up with them once they are recovered', async () => {
  const { shared, words, mutex, condition } = memory()
  let made = 0
  const stays = take(shared, 1)
  for (let round = 0; round < 12; round++) {
    const doomed = [2, 3].map((self) => take(shared, self))
    const killed = doomed.map(async ({ worker, ended }, n) => {
      await sleep(20 + (round % 4) * 10)
      await worker.terminate()
      await ended
      mutex.recover(2 + n)
      condition.recover()
    })
    for (let n = 0; n < 50; n++) {
      // Not `lock`: a dead thread may hold it, and this one has to recover it.
      await mutex.lockAsync(MAIN)
      words[At.items] = (words[At.items] ?? 0) + 1
      condition.notifyOne()
      mutex.unlock(MAIN)
      made++
      await sleep(1)
    }
    await Promise.all(killed)
    // A thread that dies between the two counters takes one item with it, uncounted.
    const rest = () => Atomics.load(words, At.items)
    await until(() => rest() === 0, LIMIT_MS, 'the one that stays takes what is left')
  }
  assert.ok(Atomics.load(words, At.taken) >= made - 24, `${words[At.taken]} of ${made}`)
  await mutex.lockAsync(MAIN)
  words[At.items] = -1
  condition.notifyAll()
  mutex.unlock(MAIN)
  await within(stays.ended, LIMIT_MS, 'end of the one that stays')
})

test('wherever a notifier dies, the waiter sees the change after the recovery', async () => {
  for (let step = 0; ; step++) {
    const { shared, words, mutex, condition } = memory()
    const taker = take(shared, 1)
    const isAsleep = () => mutex.tryLock(MAIN) || undefined
    await sleep(30)
    await until(isAsleep, LIMIT_MS, 'the lock')
    mutex.unlock(MAIN)
    let isChanged = false
    const isDead = diesAt(step, () => {
      mutex.lock(2)
      words[At.items] = -1
      isChanged = true
      condition.notifyOne()
      mutex.unlock(2)
    })
    mutex.recover(2)
    condition.recover()
    if (!isChanged) {
      mutex.lock(MAIN)
      words[At.items] = -1
      condition.notifyAll()
      mutex.unlock(MAIN)
    }
    await within(taker.ended, LIMIT_MS, `the waiter, death point ${step}`)
    if (!isDead) break
  }
})

test.run()
