/** When an idle thread may leave for a moment, and what comes meanwhile. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createChildMemory, LockOwner } from '#dist/sync/child-memory.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { Shedding } from '#dist/sync/shedding.js'
import { Activity } from '#dist/worker/activity.js'
import { InFlight } from '#dist/worker/in-flight.js'
import { noMechanism } from '../support/no-mechanism.js'

const SLOT = 0
function child() {
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  for (const slot of [SLOT, 1]) {
    scoreboard.openProcess(slot)
    scoreboard.setField(slot, 'serving', 1)
  }
  const handOff = new HandOff(createChildMemory(), scoreboard, SLOT, noMechanism)
  const served: number[] = []
  const activity = new Activity(
    SLOT,
    0,
    handOff,
    new Shedding(handOff, undefined),
    scoreboard,
    (fd) => served.push(fd),
    new InFlight(),
  )
  activity.start()
  const state = () => scoreboard.rows.read(SLOT, 0).state
  return { scoreboard, handOff, activity, served, state }
}

test('the only idle thread of the pool does not rest', async () => {
  const { activity, handOff } = child()
  assert.is(await activity.rest(() => Promise.reject(new Error('it rests'))), false)
  assert.is(handOff.standings.isIdle(0), true)
})

test('a thread rests while another process has an idle thread, and is idle again', async () => {
  const { activity, handOff, scoreboard, state } = child()
  Atomics.store(scoreboard.words, scoreboard.idleIndex(1), 1)
  const isDone = await activity.rest(async () => {
    assert.is(handOff.standings.isIdle(0), false, 'nobody gives it anything')
    assert.is(state(), 'S', 'it counts as one that will idle soon')
  })
  assert.is(isDone, true)
  assert.is(handOff.standings.isIdle(0), true)
  assert.is(state(), '_')
})

test('of the last two that would rest, one stays', async () => {
  const { activity, handOff } = child()
  handOff.becomeIdle(1, 1)
  await activity.rest(async () => assert.is(handOff.standings.idleBits, 2))
  handOff.becomeBusy(1)
  assert.is(await activity.rest(() => Promise.reject(new Error('it rests'))), false)
})

test('what was queued for want of others is found at the end', async () => {
  const { activity, handOff, served } = child()
  handOff.becomeIdle(1, 1)
  await activity.rest(async () => {
    handOff.becomeBusy(1)
    handOff.offer(LockOwner.listener, [10])
    assert.is(handOff.takeWhenWoken(0), -1, 'it does not take while it rests')
  })
  assert.equal(served, [10])
})

test('a thread with a connection does not rest', async () => {
  const { activity, handOff } = child()
  handOff.becomeIdle(1, 1)
  const token = {}
  activity.connectionOpened(token, true)
  assert.is(await activity.rest(() => Promise.reject(new Error('it rests'))), false)
  activity.connectionClosed(token, 0)
  assert.is(await activity.rest(() => Promise.resolve()), true)
})

test('one that is told to leave meanwhile stays withdrawn', async () => {
  const { activity, handOff, state } = child()
  handOff.becomeIdle(1, 1)
  await activity.rest(async () => activity.withdraw())
  assert.is(handOff.standings.isIdle(0), false)
  assert.is(state(), 'G')
})

test.run()
