/** The condition variable: no wake-up is lost, not even on a thread that dies with it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Condition } from '#dist/sync/condition.js'
import { Mutex } from '#dist/sync/mutex.js'
import type { LockTask } from '../fixtures/lock-thread.js'
import { diesAt, interruptedAt, startThread } from '../support/death.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000
const At = { mutex: 0, condition: 1, steps: 3, items: 5, taken: 6 } as const
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

/** Waits until so many threads sleep in `wait`, or are about to. */
async function asleep({ words, mutex }: ReturnType<typeof memory>, count: number): Promise<void> {
  await until(() => Atomics.load(words, At.steps) === count, LIMIT_MS, 'the waiters')
  // Whoever took a step holds the mutex until it waits.
  await until(() => mutex.tryLock(MAIN), LIMIT_MS, 'the lock')
  mutex.unlock(MAIN)
  await sleep(20)
}

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

test('wherever a notification comes between the release and the sleep, the wait ends', () => {
  let notified = 0
  for (let step = 0; ; step++) {
    const { words, mutex, condition } = memory()
    mutex.lock(1)
    let isChanged = false
    const change = (): void => {
      if (!mutex.tryLock(2)) return
      isChanged = true
      condition.notifyOne()
      mutex.unlock(2)
    }
    const isReached = interruptedAt(
      step,
      () => condition.wait(1),
      change,
      () => {
        assert.not(isChanged, `asleep although notified at point ${step}`)
        change()
      },
    )
    if (isReached && isChanged) notified++
    assert.ok((words[At.condition] ?? 0) >= 1)
    if (!isReached) break
  }
  assert.ok(notified > 1, `${notified} times before the sleep`)
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

test('a notification that a dead thread had is not lost to the others', async () => {
  const scene = memory()
  const { shared, words, mutex, condition } = scene
  const taker = take(shared, 1)
  await asleep(scene, 1)
  mutex.lock(MAIN)
  words[At.items] = -1
  // As if `notifyOne` had woken a thread that then died.
  Atomics.add(words, At.condition, 1)
  mutex.unlock(MAIN)
  mutex.recover(2)
  condition.recover()
  await within(taker.ended, LIMIT_MS, 'the waiter')
})

test('wherever a notifier dies, the waiter sees the change after the recovery', async () => {
  for (let step = 0; ; step++) {
    const scene = memory()
    const { shared, words, mutex, condition } = scene
    const taker = take(shared, 1)
    await asleep(scene, 1)
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
