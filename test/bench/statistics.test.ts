import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { quantile, spread } from './statistics.js'

test('a quantile is one of the values, by rank', () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n)
  assert.is(quantile(values, 0.5), 50)
  assert.is(quantile(values, 0.99), 99)
  assert.is(quantile(values, 0.999), 100)
  assert.is(quantile(values, 0), 1)
  assert.ok(Number.isNaN(quantile([], 0.5)))
})

test('the median of an even count is the middle of two', () => {
  assert.is(spread([4, 1, 3, 2]).median, 2.5)
  assert.is(spread([3, 1, 2]).median, 2)
})

test('few rounds are surely within their range only, more leave the ends out', () => {
  assert.equal(spread([1, 2, 3, 4, 5]).sure, { from: 1, to: 5 })
  // Sign test: of 10 values one at each end, of 20 five.
  const upTo = (count: number) => spread(Array.from({ length: count }, (_, n) => n + 1)).sure
  assert.equal(upTo(10), { from: 2, to: 9 })
  assert.equal(upTo(20), { from: 6, to: 15 })
})

test.run()
