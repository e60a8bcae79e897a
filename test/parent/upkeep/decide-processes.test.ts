import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decideProcesses,
  type PoolSituation,
  type ProcessSituation,
  SURPLUS_PATIENCE_MS,
} from '#dist/parent/upkeep/decide-processes.js'
import { Random } from '../../support/random.js'

const child = (slot: number, more: Partial<ProcessSituation> = {}): ProcessSituation => ({
  slot,
  threads: 2,
  inFlight: 0,
  connections: 0,
  ageMs: 1000 - slot,
  ...more,
})

/** Enough of everything. */
const calm: PoolSituation = {
  limits: { min: 1, max: 8 },
  spares: { min: 2, max: 6 },
  serving: [child(0), child(1)],
  starting: 0,
  idle: 4,
  growable: 0,
  isBacklogged: false,
  surplusMs: 0,
  givenBackMs: 0,
  lastRound: 0,
}

interface Row {
  readonly name: string
  readonly situation: Partial<PoolSituation>
  readonly expected: string
  readonly reason?: string
}

const surplus = { idle: 8, surplusMs: SURPLUS_PATIENCE_MS }

const table: readonly Row[] = [
  { name: 'as many as there should be', situation: {}, expected: 'nothing' },
  {
    name: 'fewer than processes.min: all that are missing at once',
    situation: { limits: { min: 5, max: 8 }, starting: 1 },
    expected: 'start 2',
    reason: '3 processes < processes.min 5',
  },
  {
    name: 'more than processes.max: one at a time, without patience',
    situation: { limits: { min: 1, max: 1 } },
    expected: 'retire 1',
    reason: '2 processes > processes.max 1',
  },
  {
    name: 'more than processes.max only with those that start: they may never serve',
    situation: { limits: { min: 1, max: 1 }, serving: [child(0)], starting: 1 },
    expected: 'nothing',
  },
  {
    name: 'too few idle: one more',
    situation: { idle: 1 },
    expected: 'start 1',
    reason: '1 idle < spares.min 2, and all processes have threads.max',
  },
  { name: 'then two', situation: { idle: 0, lastRound: 1 }, expected: 'start 2' },
  { name: 'then four', situation: { idle: 0, lastRound: 2 }, expected: 'start 4' },
  {
    name: 'but never past processes.max',
    situation: { idle: 0, lastRound: 4, starting: 3 },
    expected: 'start 3',
  },
  {
    name: 'at processes.max there is nothing to do',
    situation: { idle: 0, limits: { min: 1, max: 2 } },
    expected: 'nothing',
  },
  {
    name: 'threads are cheaper than processes',
    situation: { idle: 0, growable: 1 },
    expected: 'nothing',
  },
  {
    name: 'a backlog that lasts',
    situation: { isBacklogged: true },
    expected: 'start 1',
    reason: 'connections wait in the backlog, and no thread is idle',
  },
  {
    name: 'a backlog for which somebody starts already',
    situation: { isBacklogged: true, starting: 1 },
    expected: 'nothing',
  },
  {
    name: 'a young surplus',
    situation: { ...surplus, surplusMs: SURPLUS_PATIENCE_MS - 1 },
    expected: 'nothing',
  },
  {
    name: 'a lasting surplus: one less, the youngest',
    situation: surplus,
    expected: 'retire 1',
    reason: '8 idle > spares.max 6',
  },
  {
    name: 'once in each step',
    situation: { ...surplus, givenBackMs: SURPLUS_PATIENCE_MS },
    expected: 'nothing',
  },
  {
    name: 'a surplus that lasts on: two more',
    situation: {
      ...surplus,
      idle: 16,
      serving: [child(0), child(1), child(2), child(3)],
      surplusMs: SURPLUS_PATIENCE_MS + 10_000,
      givenBackMs: SURPLUS_PATIENCE_MS,
    },
    expected: 'retire 3,2',
  },
  {
    name: 'but no more than makes it none',
    situation: {
      ...surplus,
      serving: [child(0), child(1), child(2), child(3)],
      surplusMs: SURPLUS_PATIENCE_MS + 20_000,
    },
    expected: 'retire 3',
  },
  {
    name: 'rather one with fewer connections',
    situation: { ...surplus, serving: [child(0), child(1, { connections: 1 })] },
    expected: 'retire 0',
  },
  {
    name: 'rather one with less in flight',
    situation: {
      ...surplus,
      serving: [child(0, { inFlight: 1 }), child(1, { connections: 9 }), child(2, { inFlight: 2 })],
    },
    expected: 'retire 1',
  },
  {
    name: 'not one whose threads would be missed at once',
    situation: { ...surplus, serving: [child(0, { threads: 7 }), child(1, { threads: 7 })] },
    expected: 'nothing',
  },
  {
    name: 'not below processes.min',
    situation: { ...surplus, limits: { min: 2, max: 8 } },
    expected: 'nothing',
  },
  {
    name: 'not the last that serves',
    situation: { ...surplus, serving: [child(0)], starting: 2 },
    expected: 'nothing',
  },
]

for (const { name, situation, expected, reason } of table) {
  test(name, () => {
    const decision = decideProcesses({ ...calm, ...situation })
    assert.is(inWords(decision), expected)
    if (reason !== undefined) assert.is(decision?.reason, reason)
  })
}

function inWords(decision: ReturnType<typeof decideProcesses>): string {
  if (decision === undefined) return 'nothing'
  return decision.action === 'start' ? `start ${decision.count}` : `retire ${decision.slots}`
}

test('whatever the situation, the limits are kept, and nothing is done without need', () => {
  const random = new Random(1)
  for (let round = 0; round < 50_000; round++) {
    const min = random.from(1, 64)
    const max = random.from(min, 64)
    const leastSpares = random.from(1, 64)
    const serving = Array.from({ length: random.from(0, 80) }, (_, slot) =>
      child(slot, {
        threads: random.from(0, 32),
        inFlight: random.from(0, 3),
        connections: random.from(0, 3),
        ageMs: random.from(0, 3),
      }),
    )
    const situation: PoolSituation = {
      limits: { min, max },
      spares: { min: leastSpares, max: random.from(leastSpares, 64) },
      serving,
      starting: random.from(0, 20),
      idle: random.from(0, 100),
      growable: random.pick([0, 0, 5]),
      isBacklogged: random.next() < 0.3,
      surplusMs: random.pick([0, SURPLUS_PATIENCE_MS - 1, SURPLUS_PATIENCE_MS, 60_000]),
      givenBackMs: random.pick([0, SURPLUS_PATIENCE_MS]),
      lastRound: random.pick([0, 1, 2, 4, 8, 16, 32]),
    }
    const decision = decideProcesses(situation)
    if (decision === undefined) continue
    const shown = JSON.stringify({ situation, decision })
    const present = serving.length + situation.starting
    if (decision.action === 'start') {
      assert.ok(Number.isInteger(decision.count) && decision.count > 0, shown)
      assert.ok(present + decision.count <= max, shown)
    } else {
      const { slots } = decision
      assert.ok(slots.length > 0 && new Set(slots).size === slots.length, shown)
      assert.ok(
        slots.every((slot) => slot in serving),
        shown,
      )
      const left = serving.length - slots.length
      assert.ok(left > 0, 'never the last')
      assert.ok(left >= min || slots.length === 1, shown)
      assert.ok(
        serving.length > max || (serving.length > min && situation.idle > situation.spares.max),
      )
    }
  }
})

test.run()
