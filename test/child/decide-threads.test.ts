import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decideThreads,
  SURPLUS_PATIENCE_MS,
  type ThreadSituation,
} from '#dist/child/decide-threads.js'
import { Random } from '../support/random.js'

/** Enough of everything. */
const calm: ThreadSituation = {
  limits: { min: 1, max: 8 },
  spares: { min: 2, max: 6 },
  running: 4,
  starting: 0,
  idleHere: 4,
  idleInPool: 4,
  surplusMs: 0,
  givenBackMs: 0,
  isFirst: true,
  lastRound: 0,
}

interface Row {
  readonly name: string
  readonly situation: Partial<ThreadSituation>
  readonly change: number
  readonly reason?: string
}

const surplus = { running: 8, idleHere: 8, idleInPool: 8, surplusMs: SURPLUS_PATIENCE_MS }

const table: readonly Row[] = [
  { name: 'as many as there should be', situation: {}, change: 0 },
  {
    name: 'fewer than threads.min: all that are missing at once',
    situation: { limits: { min: 6, max: 8 } },
    change: 2,
    reason: '4 threads < threads.min 6',
  },
  {
    name: 'those that start count',
    situation: { limits: { min: 6, max: 8 }, starting: 2 },
    change: 0,
  },
  {
    name: 'more than threads.max: one at a time, without patience',
    situation: { limits: { min: 1, max: 2 } },
    change: -1,
    reason: '4 threads > threads.max 2',
  },
  {
    name: 'more than threads.max only with those that start: they may never serve',
    situation: { limits: { min: 1, max: 1 }, running: 1, starting: 1, idleInPool: 2 },
    change: 0,
  },
  {
    name: 'too few idle: one more',
    situation: { idleHere: 0, idleInPool: 1 },
    change: 1,
    reason: '1 idle < spares.min 2',
  },
  { name: 'then two', situation: { idleInPool: 0, idleHere: 0, lastRound: 1 }, change: 2 },
  { name: 'then four', situation: { idleInPool: 0, idleHere: 0, lastRound: 2 }, change: 4 },
  {
    name: 'but never past threads.max',
    situation: { running: 6, idleInPool: 0, idleHere: 0, lastRound: 4 },
    change: 2,
  },
  {
    name: 'nor past spares.max',
    situation: { running: 1, idleInPool: 1, idleHere: 0, lastRound: 8, spares: { min: 2, max: 3 } },
    change: 2,
  },
  {
    name: 'at threads.max there is nothing to do, however few idle',
    situation: { running: 8, idleHere: 0, idleInPool: 0, lastRound: 4 },
    change: 0,
  },
  { name: 'idle elsewhere is as good', situation: { idleHere: 0, idleInPool: 2 }, change: 0 },
  { name: 'a young surplus', situation: { ...surplus, surplusMs: 9999 }, change: 0 },
  {
    name: 'a lasting surplus: one less',
    situation: surplus,
    change: -1,
    reason: '8 idle > spares.max 6',
  },
  {
    name: 'once in each step',
    situation: { ...surplus, givenBackMs: SURPLUS_PATIENCE_MS },
    change: 0,
  },
  {
    name: 'a surplus that lasts on: two more',
    situation: { ...surplus, surplusMs: 20_500, givenBackMs: 10_100 },
    change: -2,
  },
  {
    name: 'but no more than makes it none',
    situation: { ...surplus, surplusMs: 30_100, givenBackMs: 20_500, idleInPool: 9 },
    change: -3,
  },
  {
    name: 'where the child before this one has nothing left to give',
    situation: { ...surplus, surplusMs: 40_000, idleInPool: 40 },
    change: -7,
  },
  {
    name: 'a surplus that another child sees to',
    situation: { ...surplus, isFirst: false },
    change: 0,
  },
  { name: 'a surplus of others', situation: { ...surplus, idleHere: 0 }, change: 0 },
  {
    name: 'a surplus at threads.min',
    situation: { ...surplus, limits: { min: 8, max: 8 } },
    change: 0,
  },
  { name: 'no surplus any more', situation: { ...surplus, idleInPool: 6 }, change: 0 },
]

for (const { name, situation, change, reason } of table) {
  test(name, () => {
    const decision = decideThreads({ ...calm, ...situation })
    assert.is(decision?.change ?? 0, change)
    if (reason !== undefined) assert.is(decision?.reason, reason)
  })
}

test('whatever the situation, the limits are kept, and nothing is done without need', () => {
  const random = new Random(1)
  for (let round = 0; round < 50_000; round++) {
    const min = random.from(1, 32)
    const max = random.from(min, 32)
    const leastSpares = random.from(1, 64)
    const situation: ThreadSituation = {
      limits: { min, max },
      spares: { min: leastSpares, max: random.from(leastSpares, 64) },
      running: random.from(0, 32),
      starting: random.from(0, 32),
      idleHere: random.from(0, 32),
      idleInPool: random.from(0, 100),
      surplusMs: random.pick([0, SURPLUS_PATIENCE_MS - 1, SURPLUS_PATIENCE_MS, 60_000]),
      givenBackMs: random.pick([0, SURPLUS_PATIENCE_MS]),
      isFirst: random.next() < 0.5,
      lastRound: random.pick([0, 1, 2, 4, 8, 16, 32]),
    }
    const decision = decideThreads(situation)
    const shown = JSON.stringify({ situation, decision })
    if (decision === undefined) continue
    const { running, starting, idleInPool, spares } = situation
    const present = running + starting
    const { change, reason } = decision
    assert.ok(Number.isInteger(change) && change !== 0, shown)
    assert.match(reason, /^\d+ (idle|threads) [<>] (spares|threads)\.(min|max) \d+$/)
    if (change > 0) {
      assert.ok(present + change <= max, shown)
      assert.ok(present < min || idleInPool < spares.min, shown)
    } else {
      assert.ok(running + change >= Math.min(min, running - 1), shown)
      assert.ok(running > max || idleInPool + change >= spares.max, shown)
      assert.ok(running > 0, shown)
      assert.ok(running > max || (running > min && idleInPool > spares.max), shown)
    }
  }
})

test.run()
