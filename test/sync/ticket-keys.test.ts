/** The key of the session tickets: the same for all who map it, until it is time for another one. */
import { closeSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TicketKeys } from '#dist/sync/ticket-keys.js'

const HOUR_MS = 3600 * 1000

test('all who map it read the same 48 bytes', () => {
  const fd = TicketKeys.create()
  const parent = TicketKeys.map(fd)
  const thread = TicketKeys.map(fd)
  parent.rotate(Date.now())
  assert.is(thread.read().length, 48)
  assert.ok(thread.read().some((byte) => byte !== 0))
  assert.equal(thread.read(), parent.read())
  closeSync(fd)
})

test('a key lives for hours, also over a change of parents, and then another one comes', () => {
  const keys = new TicketKeys(new ArrayBuffer(64))
  const now = Date.now()
  keys.rotate(now)
  const [first, version] = [keys.read(), keys.version]
  keys.rotate(now + 7 * HOUR_MS)
  assert.equal(keys.read(), first)
  assert.is(keys.version, version)
  keys.rotate(now + 9 * HOUR_MS)
  assert.not.equal(keys.read(), first)
  assert.is.not(keys.version, version)
})

test('what a reader has got, later keys do not change', () => {
  const keys = new TicketKeys(new ArrayBuffer(64))
  keys.rotate(Date.now())
  const before = keys.read()
  const copy = Buffer.from(before)
  keys.rotate(Date.now() + 100 * HOUR_MS)
  assert.equal(before, copy)
})

test.run()
