/** What a thread counts of its requests is seen by others once it is flushed, all of it, whatever kinds come in which order. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RequestKind } from '#dist/sync/request-series.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { RequestTally } from '#dist/worker/request-tally.js'

const GET: RequestKind = {
  ...{ method: 'GET', status: 200, isSecure: false, protocol: '1.1', route: undefined },
}

function tally() {
  const { requests } = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  const seen = (): string[] =>
    requests.read().map(({ method, status, route, durations }) => {
      const { count, sumSeconds } = durations
      return `${method} ${status} ${route ?? '-'} ${count} ${sumSeconds.toFixed(3)}`
    })
  return { tally: new RequestTally(requests), seen, requests }
}

test('requests of one kind are there together, and once', () => {
  const { tally: own, seen } = tally()
  for (let n = 0; n < 3; n++) own.record(GET, 0.001)
  own.flush()
  own.flush()
  assert.equal(seen(), ['GET 200 - 3 0.003'])
})

test('whatever tells two requests apart, each counts as what it is', () => {
  const { tally: own, seen } = tally()
  for (const kind of [GET, { ...GET, status: 404 }, GET, { ...GET, route: '/a' }, GET])
    own.record(kind, 0.001)
  own.flush()
  assert.equal(seen(), ['GET 200 - 3 0.003', 'GET 404 - 1 0.001', 'GET 200 /a 1 0.001'])
})

test('each counts in the bucket of its own duration', () => {
  const { tally: own, requests } = tally()
  for (const seconds of [0.001, 2, 0.001]) own.record(GET, seconds)
  own.flush()
  const [series] = requests.read()
  assert.equal(series?.durations.counts.filter((count) => count > 0).sort(), [1, 2])
})

test.run()
