/** The child's main thread looks for what is late while no thread idles, and only then. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RefusalWatch } from '#dist/child/refusal-watch.js'
import type { Capacity } from '#dist/sync/admission.js'
import { createChildMemory } from '#dist/sync/child-memory.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { noMechanism } from '../support/no-mechanism.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000
const SLOT = 0

function watch(everyMs = 5) {
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  scoreboard.openProcess(SLOT)
  const handOff = new HandOff(createChildMemory(), scoreboard, SLOT, noMechanism)
  const seen: Capacity[] = []
  const refusal = { everyMs, look: (capacity: () => Capacity) => void seen.push(capacity()) }
  const over = new RefusalWatch(SLOT, handOff, scoreboard, refusal).run()
  return { handOff, seen, over }
}

test('it looks again and again while nobody idles, and is told of what threads there are', async () => {
  const { handOff, seen, over } = watch()
  handOff.standings.setOpen(3)
  await until(() => seen.at(-1)?.open === 1 && seen.length > 2, LIMIT_MS, 'it looks')
  assert.equal(seen.at(-1), { idle: 0, queued: 0, open: 1, idleElsewhere: 0 })
  handOff.listener.stop()
  await within(over, LIMIT_MS, 'its end')
})

test('it does not look while a thread idles, and does from when the last one is busy', async () => {
  const { handOff, seen, over } = watch()
  handOff.becomeIdle(0, 1)
  handOff.becomeIdle(1, 1)
  await sleep(50)
  assert.is(seen.length, 0)
  handOff.becomeBusy(0)
  handOff.becomeBusy(1)
  await until(() => seen.length > 0, LIMIT_MS, 'it looks')
  handOff.listener.stop()
  await within(over, LIMIT_MS, 'its end')
  const { length } = seen
  await sleep(20)
  assert.is(seen.length, length, 'a child that stops refuses nothing')
})

test('without a limit it never looks', async () => {
  const { seen, over } = watch(Number.POSITIVE_INFINITY)
  await within(over, LIMIT_MS, 'its end')
  assert.is(seen.length, 0)
})

test.run()
