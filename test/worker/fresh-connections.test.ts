/** For how long a connection that brings nothing makes its thread busy. */
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FreshConnections } from '#dist/worker/fresh-connections.js'
import { until } from '../support/until.js'

const LIMIT_MS = 10_000

test('one that sends nothing is fresh no longer after a while', async () => {
  let expired = 0
  const fresh = new FreshConnections(() => expired++)
  fresh.add({})
  assert.is(fresh.size, 1)
  await until(() => fresh.size === 0, LIMIT_MS, 'the end of it')
  assert.ok(expired > 0)
})

test('after a rest the next one is watched as the first was, in whichever turn the rest comes', async () => {
  for (let turns = 0; turns < 4; turns++) {
    let expired = 0
    const fresh = new FreshConnections(() => expired++)
    const answered = {}
    fresh.add(answered)
    for (let count = 0; count < turns; count++) await turn()
    fresh.forget(answered)
    fresh.rest()
    fresh.add({})
    await until(() => fresh.size === 0, LIMIT_MS, `the end of the second, ${turns} turns later`)
    assert.ok(expired > 0)
  }
})

test.run()
