import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Chronicle, causeOfDeath } from '#dist/parent/records/chronicle.js'
import { fail } from '#dist/shared/errors.js'

test('what a process died of', () => {
  const killed = { signal: 'SIGKILL', code: null }
  assert.is(causeOfDeath(undefined, killed), 'SIGKILL')
  assert.is(causeOfDeath(fail('FT_ERR_CHILD_STUCK', [7]), killed), 'stuck')
  assert.is(causeOfDeath(undefined, { signal: null, code: 0 }), 'exit')
  assert.is(causeOfDeath(undefined, { signal: null, code: 134 }), 'exit_with_error')
})

test('the latest events are kept, and errors drive out nothing but errors', () => {
  const chronicle = new Chronicle()
  chronicle.decided('start 1 thread', '0 idle < spares.min 1')
  chronicle.reloaded('failed', 3, 'the handler does not load')
  for (let failed = 0; failed < 500; failed++) chronicle.reported(new Error(`no ${failed}\nat x`))
  const { events } = chronicle
  assert.equal(
    events.slice(0, 2).map(({ kind, text }) => [kind, text]),
    [
      ['decision', 'start 1 thread: 0 idle < spares.min 1'],
      ['reload', 'reload 3 failed: the handler does not load'],
    ],
  )
  assert.is(events.at(-1)?.text, 'no 499')
  assert.ok(events.length <= 30, String(events.length))
  for (let more = 0; more < 500; more++) chronicle.decided('wait', 'x'.repeat(10_000))
  assert.is(chronicle.events.length, 100)
  assert.ok(chronicle.events.every(({ text }) => text.length <= 300))
})

test('counters are there before anything has happened', () => {
  const { deaths, reloads, recyclings } = new Chronicle()
  for (const tallies of [deaths, reloads, recyclings])
    assert.ok(tallies.length > 1 && tallies.every(({ count }) => count === 0))
})

test.run()
