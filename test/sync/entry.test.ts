/** What is known of a connection beside its descriptor survives every hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  acceptedBy,
  descriptorOf,
  isResumed,
  listenerOf,
  marked,
  markOf,
  resumed,
} from '#dist/sync/entry.js'

test('an entry tells its descriptor and its listener', () => {
  for (const fd of [0, 3, 1023, 2 ** 20, 2 ** 22 - 1]) {
    for (const listener of [0, 1, 63]) {
      const entry = acceptedBy(listener, fd)
      // A note "in hand" is one more than the entry, or that negated.
      assert.ok(entry > 0 || (fd === 0 && entry >= 0))
      assert.is(descriptorOf(entry), fd)
      assert.is(listenerOf(entry), listener)
      assert.not(isResumed(entry))
    }
  }
})

test('of a parked connection the listener is not known', () => {
  const entry = resumed(17)
  assert.ok(isResumed(entry))
  assert.is(descriptorOf(entry), 17)
  assert.is(listenerOf(entry), -1)
})

test('the mark comes through a word that also holds a number', () => {
  for (const entry of [acceptedBy(63, 9), resumed(9), acceptedBy(0, 9), 9]) {
    for (const number of [0, 1, 2 ** 23, 2 ** 24 - 1]) {
      const word = (number << 8) | markOf(entry)
      const there = marked(12, word)
      assert.is(descriptorOf(there), 12)
      assert.is(listenerOf(there), listenerOf(entry))
      assert.is(isResumed(there), isResumed(entry))
    }
  }
})

test.run()
