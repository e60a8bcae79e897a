/** What is asked for is done once at the end of the turn, and before that only if something new has come. */
import { setImmediate as immediate } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TurnEnd } from '#dist/worker/turn-end.js'

test('once for each turn, however often it is asked', async () => {
  let done = 0
  const end = new TurnEnd(() => done++)
  for (let turn = 1; turn <= 2; turn++) {
    end.ask()
    end.ask()
    assert.is(done, turn - 1)
    assert.ok(end.isDue)
    await immediate()
    assert.is(done, turn)
    assert.not(end.isDue)
  }
})

test('at once if something new has come, but only if it is due', async () => {
  let done = 0
  const end = new TurnEnd(() => done++)
  end.now()
  assert.is(done, 0)
  end.ask()
  end.now()
  assert.is(done, 1)
  await immediate()
  assert.is(done, 2, 'what came since may have changed it again')
})

test.run()
