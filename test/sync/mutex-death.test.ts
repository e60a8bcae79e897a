/**
 * Threads that die anywhere while they lock and unlock: the lock never stays with the dead, what it guards is
 * repaired, and the survivors go on. `FORKTHREAD_STRESS=seconds node build/test/sync/mutex-death.test.js` for longer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mutex } from '#dist/sync/mutex.js'
import type { MortalLocker } from '../fixtures/mortal-locker.js'
import { startThread, stressSeconds, type Thread } from '../support/death.js'
import { At, bury } from '../support/mortal-lock.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000

class Scene {
  readonly memory = new SharedArrayBuffer(512)
  readonly words = new Int32Array(this.memory)
  readonly #mutex = new Mutex(this.words, At.mutex)

  start(self: number, lifeMs: number): Thread {
    return startThread('mortal-locker', {
      memory: this.memory,
      self,
      lifeMs,
    } satisfies MortalLocker)
  }

  get sections(): number {
    return Atomics.load(this.words, At.first)
  }

  get deaths(): number {
    return Atomics.load(this.words, At.deaths)
  }

  /** Waits until the survivors have moved on: a lock that stayed with the dead would stop them all. */
  progress(): Promise<unknown> {
    const seen = this.sections
    return until(() => this.sections > seen + 100, LIMIT_MS, `more than ${seen} sections`)
  }

  async stop(threads: readonly Thread[]): Promise<void> {
    Atomics.store(this.words, At.stop, 1)
    await within(Promise.all(threads.map(({ ended }) => ended)), LIMIT_MS, 'end of the survivors')
  }

  check(): void {
    const { words } = this
    assert.is(
      words[At.broken],
      0,
      'nobody was ever inside with another, or found the counters unequal',
    )
    assert.is(words[At.first], words[At.second])
    assert.ok(this.#mutex.tryLock(1), 'the lock is free')
    const completed = words.slice(At.own).reduce((sum, own) => sum + own, 0)
    const uncounted = this.sections - completed
    assert.ok(uncounted >= 0 && uncounted <= this.deaths, `${uncounted} of ${this.sections}`)
  }
}

/** Threads are terminated and replaced, each at a random moment, while others lock on. */
async function terminateFor(seconds: number): Promise<{ deaths: number; holding: number }> {
  const scene = new Scene()
  const survivors = [1, 2].map((self) => scene.start(self, 0))
  await scene.progress()
  let holding = 0
  const endAt = performance.now() + seconds * 1000
  const lanes = [3, 4, 5].map(async (self) => {
    while (performance.now() < endAt) {
      const { worker, ended } = scene.start(self, 0)
      const own = () => Atomics.load(scene.words, At.own + self)
      const before = own()
      // It works, and its code is optimized or not yet.
      while (own() === before) await sleep(1)
      await sleep(Math.random() * 8)
      await worker.terminate()
      await ended
      if (bury(scene.words, self)) holding++
    }
  })
  const watch = (async () => {
    while (performance.now() < endAt) {
      await scene.progress()
      await sleep(100)
    }
  })()
  await Promise.all([...lanes, watch])
  await scene.progress()
  await scene.stop(survivors)
  scene.check()
  return { deaths: scene.deaths, holding }
}

/** The same end, a thousand times as often: see `liveFor`. */
async function endLivesFor(seconds: number): Promise<number> {
  const scene = new Scene()
  const threads = [1, 2, 3].map((self) => scene.start(self, 1))
  const survivor = scene.start(4, 0)
  const endAt = performance.now() + seconds * 1000
  while (performance.now() < endAt) {
    await scene.progress()
    await sleep(50)
  }
  await scene.stop([...threads, survivor])
  scene.check()
  return scene.deaths
}

const seconds = stressSeconds(8)

test('threads that are terminated leave the lock to the others', async () => {
  const { deaths, holding } = await terminateFor(seconds * 0.5)
  console.log(`${deaths} threads terminated, ${holding} of them inside`)
  assert.ok(deaths >= 10, `${deaths} deaths`)
})

test('so do thousands whose lives are ended in the same way', async () => {
  const deaths = await endLivesFor(seconds * 0.25)
  console.log(`${deaths} lives ended`)
  assert.ok(deaths >= 100, `${deaths} deaths`)
})

test('so do those whose code is not optimized: they may die at each call, not at each turn of a loop', async () => {
  for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug', '--max-lazy'])
    setFlagsFromString(flag)
  const deaths = await endLivesFor(seconds * 0.25)
  console.log(`${deaths} lives ended`)
  assert.ok(deaths >= 100, `${deaths} deaths`)
})

test.run()
