/** The in-process mutex: what it grants, what it refuses, and what a death leaves behind. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mutex } from '#dist/sync/mutex.js'
import type { LockTask } from '../fixtures/lock-thread.js'
import { diesAt, startThread, type Thread } from '../support/death.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000
const At = { mutex: 0, counter: 2, steps: 3, go: 4 } as const
const WAITERS = 1 << 30

function memory() {
  const shared = new SharedArrayBuffer(64)
  const words = new Int32Array(shared)
  return { shared, words, mutex: new Mutex(words, At.mutex), other: new Mutex(words, At.mutex) }
}

function start(task: LockTask['task'], shared: SharedArrayBuffer, self: number, times = 1): Thread {
  return startThread('lock-thread', { task, memory: shared, self, times } satisfies LockTask)
}

const steps = (words: Int32Array, count: number) =>
  until(() => Atomics.load(words, At.steps) >= count, LIMIT_MS, `step ${count} of the threads`)

const hasWaiters = (words: Int32Array) =>
  until(() => Atomics.load(words, At.mutex) & WAITERS, LIMIT_MS, 'somebody waits')

function throwsCode(action: () => unknown, code: string): void {
  assert.throws(action, (error: { code?: unknown }) => error.code === code)
}

async function rejectsCode(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: { code?: unknown }) => reason,
  )
  assert.is(error?.code, code)
}

test('it names its owner while it is held, and nobody when it is free', () => {
  const { words, mutex } = memory()
  assert.ok(mutex.lock(7))
  assert.ok(mutex.isHeldBy(7))
  assert.not(mutex.isHeldBy(8))
  mutex.unlock(7)
  assert.not(mutex.isHeldBy(7))
  assert.is(words[At.mutex], 0)
})

test('a second lock by the owner is refused, whatever way it asks', async () => {
  const { mutex } = memory()
  mutex.lock(1)
  throwsCode(() => mutex.lock(1), 'FT_ERR_LOCK_HELD')
  throwsCode(() => mutex.lock(1, 10), 'FT_ERR_LOCK_HELD')
  throwsCode(() => mutex.tryLock(1), 'FT_ERR_LOCK_HELD')
  await rejectsCode(mutex.lockAsync(1), 'FT_ERR_LOCK_HELD')
  assert.ok(mutex.isHeldBy(1), 'and it still holds the lock')
  mutex.unlock(1)
})

test('an unlock by somebody else, or of a free lock, is refused', () => {
  const { mutex } = memory()
  throwsCode(() => mutex.unlock(1), 'FT_ERR_LOCK_NOT_HELD')
  mutex.lock(1)
  throwsCode(() => mutex.unlock(2), 'FT_ERR_LOCK_NOT_HELD')
  assert.not(mutex.lock(2, 0))
  throwsCode(() => mutex.unlock(2), 'FT_ERR_LOCK_NOT_HELD')
  assert.ok(mutex.isHeldBy(1))
  mutex.unlock(1)
  throwsCode(() => mutex.unlock(1), 'FT_ERR_LOCK_NOT_HELD')
})

test('tryLock takes a free lock and leaves a held one', () => {
  const { mutex } = memory()
  assert.ok(mutex.tryLock(1))
  assert.not(mutex.tryLock(2))
  mutex.unlock(1)
  assert.ok(mutex.tryLock(2))
})

test('lock with a time gives up when it is over, and not before', () => {
  const { mutex } = memory()
  mutex.lock(1)
  for (const timeoutMs of [-1, 0, 0.5, 40]) {
    const startedAt = performance.now()
    assert.not(mutex.lock(2, timeoutMs))
    assert.ok(performance.now() - startedAt >= timeoutMs)
  }
  // Whoever gave up is no burden to the others.
  mutex.unlock(1)
  assert.ok(mutex.lock(2, 0))
  mutex.unlock(2)
})

test('threads that lock in all ways never meet inside', async () => {
  const { shared, words } = memory()
  const times = 30_000
  const threads = [1, 2, 3, 4].map((self) => start('count', shared, self, times))
  await within(Promise.all(threads.map(({ ended }) => ended)), LIMIT_MS, 'end of the threads')
  assert.is(words[At.counter], threads.length * times)
  assert.is((words[At.mutex] ?? -1) & ~WAITERS, 0)
})

test('a sleeper gets the lock when it is released', async () => {
  const { shared, words, mutex } = memory()
  mutex.lock(1)
  const sleepers = [2, 3, 4].map((self) => start('lock once', shared, self))
  await steps(words, 3)
  await hasWaiters(words)
  assert.is(words[At.steps], 3)
  mutex.unlock(1)
  await within(Promise.all(sleepers.map(({ ended }) => ended)), LIMIT_MS, 'all have had the lock')
  assert.is(words[At.steps], 6)
})

test('lockAsync waits without stopping the event loop', async () => {
  const { words, mutex, other } = memory()
  other.lock(1)
  let isTaken = false
  const taken = mutex.lockAsync(2).then(() => {
    isTaken = true
  })
  for (let turn = 0; turn < 5; turn++) await sleep(2)
  assert.not(isTaken)
  other.unlock(1)
  await within(taken, LIMIT_MS, 'the lock')
  assert.ok(mutex.isHeldBy(2))
  mutex.unlock(2)
  assert.is(words[At.mutex], 0)
})

test('a thread that awaits the lock can not ask for it again', async () => {
  const { mutex, other } = memory()
  other.lock(1)
  const taken = mutex.lockAsync(2)
  await rejectsCode(mutex.lockAsync(2), 'FT_ERR_LOCK_HELD')
  throwsCode(() => mutex.lock(2), 'FT_ERR_LOCK_HELD')
  throwsCode(() => mutex.tryLock(2), 'FT_ERR_LOCK_HELD')
  other.unlock(1)
  await within(taken, LIMIT_MS, 'the lock')
  mutex.unlock(2)
  assert.ok(mutex.tryLock(2), 'nothing of the claim is left')
})

test('several that await the lock all get it, one after the other', async () => {
  const { words, mutex } = memory()
  mutex.lock(1)
  let inside = 0
  const waiters = [2, 3, 4, 5].map(async (self) => {
    const mine = new Mutex(words, At.mutex)
    await mine.lockAsync(self)
    assert.is(++inside, 1)
    await sleep(1)
    inside--
    mine.unlock(self)
  })
  mutex.unlock(1)
  await within(Promise.all(waiters), LIMIT_MS, 'all have had the lock')
})

test('a sleeper does not wait for the event loop of a thread that awaits the lock', async () => {
  const { shared, words, mutex } = memory()
  mutex.lock(1)
  // It comes first, so a wake-up for one would be for it; and it sleeps until the other has had the lock.
  const first = start('await and block', shared, 2)
  await steps(words, 1)
  await hasWaiters(words)
  const second = start('lock once', shared, 3)
  await steps(words, 2)
  await sleep(20)
  mutex.unlock(1)
  await within(second.ended, LIMIT_MS, 'the sleeper has had the lock')
  Atomics.store(words, At.go, 1)
  Atomics.notify(words, At.go)
  await steps(words, 4)
  await within(first.ended, LIMIT_MS, 'the other one has had it, too')
})

test('a claim by lockAsync dies with its thread', async () => {
  const { shared, words, mutex } = memory()
  mutex.lock(1)
  const doomed = start('await and hold', shared, 2)
  await steps(words, 1)
  await hasWaiters(words)
  await doomed.worker.terminate()
  assert.not(mutex.recover(2), 'it never had the lock')
  mutex.unlock(1)
  assert.ok(mutex.tryLock(3))
})

test('recover frees what the dead thread held, and nothing else', () => {
  const { words, mutex } = memory()
  for (const flags of [0, WAITERS]) {
    words[At.mutex] = 5 | flags
    assert.not(mutex.recover(4))
    assert.ok(mutex.isHeldBy(5))
    assert.ok(mutex.recover(5))
    assert.is(words[At.mutex], 0)
    assert.not(mutex.recover(5))
  }
})

test('wherever a thread dies, the lock can be had after its recovery', () => {
  const { words, mutex, other } = memory()
  const lives: { readonly name: string; readonly live: () => void }[] = [
    { name: 'lock', live: () => mutex.lock(1) },
    { name: 'lock with a time', live: () => mutex.lock(1, 1000) },
    { name: 'tryLock', live: () => mutex.tryLock(1) },
  ]
  let deaths = 0
  for (const { name, live } of lives) {
    for (const isContended of [false, true]) {
      if (isContended && name === 'tryLock') continue
      let step = 0
      for (let isDead = true; isDead; step++) {
        Atomics.store(words, At.mutex, 0)
        if (isContended) other.lock(2)
        const life = (): void => {
          live()
          mutex.unlock(1)
        }
        // Once it sleeps, the other one lets go.
        isDead = diesAt(step, life, () => other.unlock(2))
        if (isDead) deaths++
        mutex.recover(1)
        if (isContended && other.isHeldBy(2)) other.unlock(2)
        assert.ok(other.tryLock(3), `${name}, death point ${step}`)
        other.unlock(3)
      }
    }
  }
  assert.ok(deaths > 40, `${deaths} deaths`)
})

test('wherever a thread dies in unlock, a sleeper gets the lock after the recovery', async () => {
  for (let step = 0; ; step++) {
    const { shared, words, mutex } = memory()
    mutex.lock(1)
    const sleeper = start('lock once', shared, 2)
    await steps(words, 1)
    await hasWaiters(words)
    await sleep(5)
    const isDead = diesAt(step, () => mutex.unlock(1))
    if (isDead) mutex.recover(1)
    await within(sleeper.ended, LIMIT_MS, `the sleeper, death point ${step}`)
    if (!isDead) break
  }
})

test('a wake-up that was spent on a thread that then died is not lost to the others', async () => {
  const { shared, words, mutex } = memory()
  mutex.lock(1)
  const sleeper = start('lock once', shared, 2)
  await steps(words, 1)
  await hasWaiters(words)
  await sleep(20)
  // As if the exchange of `unlock` had woken thread 3, and that had died before it took the lock; meanwhile
  // thread 4 came, found the lock free, and has released it without any waiter to see.
  Atomics.store(words, At.mutex, 0)
  assert.ok(mutex.tryLock(4))
  mutex.unlock(4)
  assert.is(words[At.steps], 1)
  mutex.recover(3)
  await within(sleeper.ended, LIMIT_MS, 'the sleeper has had the lock')
})

test.run()
