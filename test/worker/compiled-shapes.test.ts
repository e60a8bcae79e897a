/** A collection of all garbage leaves one response, until it is over; else V8 would take its code away. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { heldShapes, keepingShapes, noteShapes } from '#dist/worker/compiled-shapes.js'

const make = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()))

test('without a response there is none to hold', async () => {
  await keepingShapes(async () => assert.is(heldShapes(), undefined))
})

test('one of the last responses is held while it collects, and not any longer, even if that fails', async () => {
  const [first, later] = [make(), make()]
  noteShapes(first, 1000)
  // Too soon: to note each would cost each.
  noteShapes(make(), 1001)
  await keepingShapes(async () => assert.is(heldShapes(), first))
  noteShapes(later, 1100)
  const failed = keepingShapes(async () => {
    assert.is(heldShapes(), later)
    throw new Error('no memory')
  })
  assert.is(await failed.catch((error: Error) => error.message), 'no memory')
  assert.is(heldShapes(), undefined)
})

test.run()
