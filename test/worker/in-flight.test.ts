import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InFlight } from '#dist/worker/in-flight.js'

test('the oldest request of all services, as it is when somebody asks', () => {
  const inFlight = new InFlight()
  assert.is(inFlight.oldest, undefined)
  const requests = [
    { method: 'GET', url: '/second', begunMs: 20 },
    { method: 'POST', url: '/first', begunMs: 10 },
  ]
  inFlight.watch(() => undefined)
  for (const at of [0, 1]) inFlight.watch(() => requests[at])
  assert.equal(inFlight.oldest, { what: 'POST /first', begunMs: 10 })
  requests.pop()
  assert.equal(inFlight.oldest, { what: 'GET /second', begunMs: 20 })
})

test.run()
