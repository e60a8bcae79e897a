/** Slots of the scoreboard: who leaves keeps its own, and whoever finds none waits for the next that becomes free. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Slots } from '#dist/parent/children/slots.js'
import { MAX_PROCESSES } from '#dist/sync/limits.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'

interface Child {
  readonly slot: number
}

function slots() {
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  const all = new Slots<Child>(scoreboard)
  const start = (): Child => {
    const child = { slot: all.prepare(2) }
    all.take(child)
    return child
  }
  return { all, scoreboard, start }
}

test('each child has a slot of its own, with its threads, and the lowest free one is the next', () => {
  const { all, scoreboard, start } = slots()
  const [first, second] = [start(), start(), start()] as const
  assert.equal(
    all.all.map(({ slot }) => slot),
    [0, 1, 2],
  )
  assert.is(scoreboard.rows.count(1), 2)
  all.free(second, false)
  assert.is(scoreboard.rows.count(1), 0)
  assert.is(all.get(1), undefined)
  assert.is(all.get(0), first)
  assert.is(start().slot, 1)
})

test('sums and deaths of children that are gone are kept', () => {
  const { all, scoreboard, start } = slots()
  const child = start()
  scoreboard.rows.write(child.slot, 0, { requests: 7 })
  all.free(child, true)
  assert.is(all.ledger.totals([]).requests, 7)
  assert.is(all.ledger.deaths, 1)
})

test('without room, all who wait are told of the next free slot, and one gets it', async () => {
  const { all, start } = slots()
  const [first] = Array.from({ length: MAX_PROCESSES }, start)
  assert.is(all.room, 0)
  const started: Child[] = []
  const wait = async (): Promise<void> => {
    while (all.room === 0) await all.nextFree()
    started.push(start())
  }
  void wait()
  void wait()
  await nextTurn()
  assert.is(started.length, 0)
  all.free(first as Child, false)
  await nextTurn()
  assert.equal(started, [{ slot: 0 }])
  all.free(started[0] as Child, false)
  await nextTurn()
  assert.is(started.length, 2)
})

test.run()
