/** Figures for a terminal are short, and never say more than there is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { age, bytes, percent, plural, short, span } from '#dist/admin/in-words.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test('ages and times', () => {
  assert.equal(
    [0, 999.9, 1000, 9999, 10_000, 59_999, MINUTE, HOUR - 1, HOUR, DAY - 1, DAY, 400 * DAY].map(
      age,
    ),
    [
      '0ms',
      '999ms',
      '1.0s',
      '9.9s',
      '10s',
      '59s',
      '1min',
      '59min',
      '1.0h',
      '23.9h',
      '1.0d',
      '400d',
    ],
  )
  assert.equal([0, 0.04, 0.26, 9.94, 10, 812.7].map(span), [
    '0ms',
    '0ms',
    '0.3ms',
    '9.9ms',
    '10ms',
    '812ms',
  ])
})

test('counts, bytes and shares', () => {
  const counts = [0, 0.25, 9.9, 812.4, 9999, 10_000, 999_999, 1e6, 81_200_000, 3e9]
  assert.equal(counts.map(short), [
    '0',
    '0.3',
    '9.9',
    '812',
    '9999',
    '10.0k',
    '999.9k',
    '1.0M',
    '81.2M',
    '3.0G',
  ])
  assert.equal([512, 2 ** 20, 82 * 2 ** 20, 1.5 * 2 ** 30].map(bytes), ['1K', '1M', '82M', '1.5G'])
  assert.equal([0, 0.034, 1].map(percent), ['0%', '3%', '100%'])
  assert.equal(
    [plural(0, 'death'), plural(1, 'process'), plural(2, 'process')],
    ['0 deaths', '1 process', '2 processes'],
  )
})

test.run()
