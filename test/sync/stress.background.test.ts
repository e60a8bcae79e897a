/**
 * Threads that push to the real fd queue and take from it by the million, and die anywhere: each number comes out exactly once.
 * `FORKTHREAD_STRESS=seconds node build/test/sync/stress.background.test.js` for longer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createChildMemory, LockOwner } from '#dist/sync/child-memory.js'
import { FdQueue } from '#dist/sync/fd-queue.js'
import type { MortalQueueUser } from '../fixtures/mortal-queue-user.js'
import { startThread, stressSeconds, type Thread } from '../support/death.js'
import { At, MOST_PER_THREAD, Oracle, type QueueShare, STRIDE } from '../support/queue-oracle.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000
/** The numbers of one round are bounded by the memory that counts them. */
const ROUND_SECONDS = 15

type Role = Pick<MortalQueueUser, 'pushes' | 'takes' | 'lifeMs'>

class Round {
  readonly queue: FdQueue
  readonly oracle: Oracle
  readonly #share: QueueShare

  constructor() {
    const memory = createChildMemory()
    const oracle = new SharedArrayBuffer(1024)
    const taken = new SharedArrayBuffer(MOST_PER_THREAD * STRIDE)
    this.#share = { memory, oracle, taken }
    this.queue = new FdQueue(new Int32Array(memory))
    this.oracle = new Oracle(this.#share)
  }

  start(thread: number, role: Role): Thread {
    const workerData: MortalQueueUser = { ...this.#share, thread, ...role }
    return startThread('mortal-queue-user', workerData)
  }

  /** Kills a thread, and does what a child's main thread does then: what it had in hand goes back. */
  async kill(thread: number, { worker, ended }: Thread): Promise<void> {
    await worker.terminate()
    await ended
    this.oracle.orphan(thread)
    const fd = this.queue.recover(thread)
    if (fd < 0 || this.oracle.isServed(fd)) return
    while (!(await this.queue.pushAsync(LockOwner.control, fd))) await sleep(1)
  }

  /** Throws when nothing comes out any more: a lock or a wake-up was lost. */
  async progress(): Promise<void> {
    const served = () => Atomics.load(this.oracle.words, At.served)
    const seen = served()
    const moves = () => served() !== seen || this.oracle.isUsedUp
    await until(moves, LIMIT_MS, `more than ${seen} taken`)
  }

  async stop(threads: readonly Thread[]): Promise<void> {
    Atomics.store(this.oracle.words, At.stop, 1)
    await within(Promise.all(threads.map(({ ended }) => ended)), LIMIT_MS, 'end of all threads')
    // What was pushed behind the last look of the last taker.
    for (let fd = this.queue.take(0); fd >= 0; fd = this.queue.take(0)) {
      this.oracle.serve(fd)
      this.queue.unhand(0)
    }
  }
}

/** Rounds of threads in these roles, until the time is over. `mortals` are killed and started anew. */
async function stress(seconds: number, roles: readonly Role[], mortals: readonly Role[]) {
  const endAt = performance.now() + seconds * 1000
  let numbers = 0
  let missing = 0
  let deaths = 0
  while (performance.now() < endAt) {
    const round = new Round()
    const roundEndAt = Math.min(endAt, performance.now() + ROUND_SECONDS * 1000)
    const isOver = () => performance.now() >= roundEndAt || round.oracle.isUsedUp
    const threads = roles.map((role, thread) => round.start(thread, role))
    const lanes = mortals.map(async (role, n) => {
      const thread = roles.length + n
      while (!isOver()) {
        const mortal = round.start(thread, role)
        await new Promise((resolve) => mortal.worker.once('online', resolve))
        await sleep(5 + Math.random() * 40)
        await round.kill(thread, mortal)
      }
    })
    const watch = (async () => {
      while (!isOver()) {
        await round.progress()
        await sleep(100)
      }
    })()
    await Promise.all([...lanes, watch])
    await round.stop(threads)
    const { othersWrong, orphansMissing } = round.oracle.account()
    assert.is(round.oracle.words[At.twice], 0, 'no number came out twice')
    assert.is(othersWrong, 0, 'none was lost')
    assert.is(round.queue.length, 0)
    numbers += round.oracle.made
    missing += orphansMissing
    deaths += round.oracle.words[At.deaths] ?? 0
  }
  // Each number is pushed and taken, and both is one lock and one unlock at least.
  console.log(`${(numbers / 1e6).toFixed(1)} million numbers, ${deaths} deaths, ${missing} missing`)
  return { numbers, missing, deaths }
}

const seconds = stressSeconds(16)

const pushes: Role = { pushes: true, takes: false, lifeMs: 0 }
const takes: Role = { pushes: false, takes: true, lifeMs: 0 }
const both: Role = { pushes: true, takes: true, lifeMs: 0 }

test('nothing is lost or doubled among threads that live', async () => {
  const { numbers, missing } = await stress(seconds * 0.5, [pushes, takes, both], [])
  assert.is(missing, 0)
  assert.ok(numbers > 10_000, `${numbers} numbers`)
})

test('nothing is doubled, and nothing lost but on the way into the queue, where threads die', async () => {
  const roles = [pushes, takes, { ...both, lifeMs: 1 }, { ...takes, lifeMs: 2 }]
  const { numbers, missing, deaths } = await stress(seconds * 0.5, roles, [both, takes])
  assert.ok(deaths > 20, `${deaths} deaths`)
  assert.ok(numbers > 10_000, `${numbers} numbers`)
  // A number can go in one place only, between its making and the first store of `push`, as a descriptor between
  // `accept` and that store: where threads spend some percent of their time here, and next to none in the pool.
  assert.ok(missing <= deaths / 2, `${missing} missing after ${deaths} deaths`)
})

test.run()
