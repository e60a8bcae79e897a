/** How long there has been a surplus. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SurplusClock } from '#dist/shared/surplus-clock.js'

test('a surplus counts from the first look that finds it, and a break ends it', () => {
  const clock = new SurplusClock()
  assert.is(clock.look(false, 100), 0)
  assert.is(clock.look(true, 200), 0)
  assert.is(clock.look(true, 350), 150)
  assert.is(clock.look(false, 400), 0)
  assert.is(clock.look(true, 500), 0)
  assert.is(clock.look(true, 600), 100)
})

test('what is left of a surplus counts from its beginning', () => {
  const clock = new SurplusClock()
  clock.look(true, 100)
  clock.look(true, 300)
  assert.is(clock.givenBackMs, 0)
  clock.gaveBack()
  assert.is(clock.look(true, 400), 300)
  assert.is(clock.givenBackMs, 200)
  clock.look(false, 500)
  assert.is(clock.givenBackMs, 0)
})

test('restart begins anew with the next look', () => {
  const clock = new SurplusClock()
  clock.look(true, 0)
  clock.restart()
  assert.is(clock.look(true, 1000), 0)
  assert.is(clock.look(true, 1500), 500)
})

test.run()
