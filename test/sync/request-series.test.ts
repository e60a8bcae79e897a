import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RequestKind, RequestSeries } from '#dist/sync/request-series.js'
import { MAX_ROUTES, MAX_SERIES } from '#dist/sync/request-series-layout.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'

const GET: RequestKind = {
  method: 'GET',
  status: 200,
  isSecure: false,
  protocol: '1.1',
  route: undefined,
}

function total(series: readonly RequestSeries[]): number {
  return series.reduce((sum, { durations }) => sum + durations.count, 0)
}

test('what threads add meets in one histogram for each kind', () => {
  const memory = new ArrayBuffer(SCOREBOARD_BYTES)
  // Each thread has a view of its own, and none knows what the others have found.
  const [one, other] = [new Scoreboard(memory).requests, new Scoreboard(memory).requests]
  one.record(GET, 0.004)
  other.record(GET, 0.3)
  other.record({ ...GET, status: 404, isSecure: true, protocol: '2' }, 60)
  const [get, missing] = new Scoreboard(memory).requests.read()
  assert.equal(
    [get?.method, get?.status, get?.scheme, get?.protocol],
    ['GET', '200', 'http', '1.1'],
  )
  assert.equal(get?.durations.counts.slice(0, 8), [1, 0, 0, 0, 0, 0, 0, 1])
  assert.ok(Math.abs((get?.durations.sumSeconds ?? 0) - 0.304) < 1e-9)
  assert.equal([missing?.status, missing?.scheme, missing?.protocol], ['404', 'https', '2'])
  assert.is(missing?.durations.counts.at(-1), 1)
})

test('routes have the names that handlers give them, in every thread', () => {
  const memory = new ArrayBuffer(SCOREBOARD_BYTES)
  const [one, other] = [new Scoreboard(memory).requests, new Scoreboard(memory).requests]
  const long = `/${'ü'.repeat(200)}`
  for (const route of ['/users/:id', 'a "name"\n', long]) {
    one.record({ ...GET, route }, 1)
    other.record({ ...GET, route }, 1)
  }
  const series = new Scoreboard(memory).requests.read()
  assert.is(series.length, 3)
  assert.equal([series[0]?.route, series[1]?.route], ['/users/:id', 'a "name"\n'])
  assert.ok(long.startsWith((series[2]?.route ?? '').slice(0, 60)))
})

test('whatever methods, statuses and routes come: series are bounded, and every request counts', () => {
  const { requests } = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  let sent = 0
  for (let index = 0; index < 3000; index++, sent++)
    requests.record({ ...GET, status: 100 + (index % 7), route: `/path/${index}` }, 0.1)
  for (let index = 0; index < 3000; index++, sent++)
    requests.record({ ...GET, method: `M${index}`, status: index }, 0.1)
  const series = requests.read()
  assert.ok(series.length <= MAX_SERIES)
  assert.ok(new Set(series.map(({ route }) => route)).size <= MAX_ROUTES + 2)
  assert.equal(new Set(series.map(({ method }) => method)), new Set(['GET', '_OTHER']))
  assert.is(total(series), sent)
})

test('what a child scribbles is no figure below 0', () => {
  const memory = new ArrayBuffer(SCOREBOARD_BYTES)
  new Int32Array(memory).fill(-1)
  for (const { durations } of new Scoreboard(memory).requests.read()) {
    assert.ok(durations.count >= 0 && durations.sumSeconds >= 0)
  }
})

test.run()
