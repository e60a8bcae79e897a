import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { quantileMs, REQUEST_BOUNDS, since } from '#dist/sync/histogram.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'

function scoreboard(): Scoreboard {
  const made = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  made.format()
  made.openProcess(0)
  made.openProcess(1)
  return made
}

test('times of all places add up, by bucket', () => {
  const { queueTimes } = scoreboard()
  queueTimes.record(0, 0, 0)
  queueTimes.record(0, 31, 5)
  queueTimes.record(1, 0, 5.1)
  queueTimes.record(1, 0, 60_000)
  const { counts, count, sumSeconds } = queueTimes.read()
  assert.is(counts.length, REQUEST_BOUNDS.length + 1)
  assert.equal([counts[0], counts[1], counts.at(-1), count], [2, 1, 1, 4])
  assert.ok(Math.abs(sumSeconds - 60.0101) < 1e-9)
})

test('a place that another process gets keeps its counts', () => {
  const board = scoreboard()
  board.queueTimes.record(1, 3, 20)
  board.closeProcess(1)
  board.openProcess(1, 2)
  assert.is(board.queueTimes.read().count, 1)
})

test('quantiles of what came since', () => {
  const { queueTimes } = scoreboard()
  queueTimes.record(0, 0, 9000)
  const before = queueTimes.read()
  assert.is(quantileMs(since(before, before), 0.5), 0)
  for (let index = 0; index < 98; index++) queueTimes.record(0, 0, 1)
  for (let index = 0; index < 2; index++) queueTimes.record(0, 0, 700)
  const recent = since(before, queueTimes.read())
  assert.ok(quantileMs(recent, 0.5) <= 5)
  assert.ok(quantileMs(recent, 0.99) > 500 && quantileMs(recent, 0.99) <= 750)
})

test('what a child scribbles is no number to add', () => {
  const memory = new ArrayBuffer(SCOREBOARD_BYTES)
  const board = new Scoreboard(memory)
  board.format()
  board.openProcess(0)
  new Float64Array(memory).fill(Number.NaN, board.idleIndex(0) + 1000)
  assert.is(board.queueTimes.read().count, 0)
})

test.run()
