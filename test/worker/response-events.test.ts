/** Whoever watches a response hears of its end once and of its errors, and the response is as it was for all others. */
import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { attachNote, noteRequest } from '#dist/worker/request-note.js'
import { watchEvents } from '#dist/worker/response-events.js'

function heard(response: ServerResponse, isEnough = false): string[] {
  const events: string[] = []
  const watcher = {
    closed: () => void events.push('closed'),
    failed: (_: unknown, error: unknown) => {
      events.push(`failed: ${(error as Error).message}`)
      return isEnough
    },
  }
  attachNote(response, noteRequest(new IncomingMessage(new Socket()), 0, false, watcher))
  watchEvents(response)
  return events
}

const make = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()))

class Own extends ServerResponse {
  override emit(name: string, ...args: unknown[]): boolean {
    return super.emit(name, ...args)
  }
}

for (const [what, response] of [
  ['of Node', make()],
  ['of a class with an emit of its own', new Own(new IncomingMessage(new Socket()))],
  ['that is none of Node', new EventEmitter() as ServerResponse],
  ['of another prototype, as Express makes it', withPrototype()],
] as const)
  test(`a response ${what} is closed once`, () => {
    const events = heard(response)
    const others: unknown[] = []
    response.on('close', () => others.push('close'))
    response.on('other', (...args: unknown[]) => others.push(args))
    response.emit('other', 1, 2)
    response.emit('close')
    response.emit('close')
    assert.equal(events, ['closed'])
    assert.equal(others, [[1, 2], 'close', 'close'])
  })

test('an error is for others, too, unless the watcher says that it is enough', () => {
  const response = make()
  const events = heard(response)
  assert.throws(() => fail(response), 'broken')
  assert.equal(events, ['failed: broken'])
  const another = make()
  const enough = heard(another, true)
  fail(another)
  assert.equal(enough, ['failed: broken'])
})

test('one that nobody watches is as before', () => {
  const response = make()
  assert.throws(() => fail(response), 'broken')
})

function fail(response: ServerResponse): boolean {
  return response.emit('error', new Error('broken'))
}

function withPrototype(): ServerResponse {
  const response = make()
  Object.setPrototypeOf(response, Object.create(ServerResponse.prototype))
  return response
}

test.run()
