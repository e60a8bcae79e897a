/** Sets of threads in one word. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bit, count, lowestBit } from '#dist/sync/bits.js'

const threads = Array.from({ length: 32 }, (_, thread) => thread)

/** Fixed, so that a failure can be repeated. */
function* words(): Generator<number> {
  yield* [0, -1, 1, 1 << 31, 0x55555555, 0x7fffffff]
  let state = 1
  for (let n = 0; n < 2_000; n++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    // Sparse ones, too.
    yield n % 2 === 0 ? state : state & (state << 7) & (state >>> 3)
  }
}

test('count tells how many bits are set', () => {
  for (const word of words()) {
    const expected = threads.filter((thread) => (word & bit(thread)) !== 0).length
    assert.is(count(word), expected, `${word}`)
  }
})

test('every thread has a bit of its own', () => {
  assert.is(
    threads.reduce((all, thread) => all | bit(thread), 0),
    -1,
  )
  for (const thread of threads) assert.is(count(bit(thread)), 1)
})

test('lowestBit finds the thread with the lowest number', () => {
  for (const word of words()) {
    if (word === 0) continue
    assert.is(
      lowestBit(word),
      threads.find((thread) => (word & bit(thread)) !== 0),
      `${word}`,
    )
  }
})

test.run()
