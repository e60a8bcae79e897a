/** The scoreboard: where things stand, that rows are whole, and that sums outlive threads. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MAX_PROCESSES, MAX_THREADS } from '#dist/sync/limits.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { ProcessField, SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { emptyRow, type ThreadRow, threadStates } from '#dist/sync/thread-rows.js'
import { createSharedMemory } from '#dist/sys/memory.js'
import type { RowWriter } from '../fixtures/row-writer.js'
import { startThread } from '../support/death.js'
import { until } from '../support/until.js'

function scoreboard(): Scoreboard {
  const board = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  board.format()
  return board
}

const full: ThreadRow = {
  state: 'W',
  inFlight: 1,
  connections: 2,
  fresh: 3,
  accepted: 2 ** 40,
  requests: 2 ** 41,
  errors: 6,
  bytes: 2 ** 52,
  busySince: 1.5,
  lastUsed: 1.7e12,
  loopDelayMs: 0.25,
  heapBytes: 2 ** 33,
  activeUs: 12,
}

/** The place of a row's sequence word: the first that a write changes. */
function sequenceOf(board: Scoreboard, slot: number, thread: number): number {
  const before = board.words.slice()
  board.rows.write(slot, thread, {})
  return before.findIndex((word, index) => word !== board.words[index])
}

test('only formatted memory of this layout is a scoreboard', () => {
  const board = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  assert.not(board.isFormatted)
  board.format()
  assert.ok(board.isFormatted)
  const version = board.words[1] ?? 0
  board.words[1] = version + 1
  assert.not(board.isFormatted)
})

test('a new slot is all zero, whoever had it before', () => {
  const board = scoreboard()
  board.openProcess(3)
  board.rows.write(3, 31, full)
  board.retireThread(3, 31)
  board.rows.write(3, 0, full)
  board.setField(3, 'serving', 1)
  board.openProcess(3)
  assert.is(board.field(3, 'serving'), 0)
  assert.equal(board.rows.read(3, 0), emptyRow('.'))
  assert.equal(board.totals(3), { accepted: 0, requests: 0, errors: 0, bytes: 0 })
})

test('no two fields of the whole scoreboard share a place', () => {
  const board = scoreboard()
  const edges = [0, 1, MAX_PROCESSES - 1]
  const fields = Object.keys(ProcessField) as (keyof typeof ProcessField)[]
  const threads = [0, 1, MAX_THREADS - 1]
  for (const slot of edges) board.openProcess(slot)
  for (const slot of edges) {
    for (const [n, field] of fields.entries()) board.setField(slot, field, slot * 1000 + n)
    for (const thread of threads) {
      board.rows.write(slot, thread, { ...full, inFlight: slot * 100 + thread, activeUs: slot })
    }
  }
  for (const slot of edges) {
    for (const [n, field] of fields.entries()) assert.is(board.field(slot, field), slot * 1000 + n)
    for (const thread of threads) {
      const expected = { ...full, inFlight: slot * 100 + thread, activeUs: slot }
      assert.equal(board.rows.read(slot, thread), expected)
    }
  }
  assert.ok(board.isFormatted)
})

test('a write of some fields leaves the others', () => {
  const board = scoreboard()
  board.rows.write(0, 5, full)
  board.rows.write(0, 5, { state: 'K', inFlight: 0 })
  assert.equal(board.rows.read(0, 5), { ...full, state: 'K', inFlight: 0 })
})

test('the sums of a thread that has ended stay in the totals', () => {
  const board = scoreboard()
  board.openProcess(0)
  board.rows.write(0, 1, { ...emptyRow('W'), accepted: 10, requests: 20, errors: 1, bytes: 7 })
  board.rows.write(0, 2, { ...emptyRow('_'), accepted: 1, requests: 2 })
  assert.equal(board.totals(0), { accepted: 11, requests: 22, errors: 1, bytes: 7 })
  board.retireThread(0, 1)
  assert.equal(board.totals(0), { accepted: 11, requests: 22, errors: 1, bytes: 7 })
  assert.equal(board.rows.read(0, 1), emptyRow('.'))
})

test('idleElsewhere counts the threads of serving processes, without the own one', () => {
  const board = scoreboard()
  for (const slot of [0, 1, 2]) board.openProcess(slot)
  for (const slot of [0, 1]) board.setField(slot, 'serving', 1)
  board.setField(0, 'idleWord', 0b111)
  board.setField(1, 'idleWord', -1)
  board.setField(2, 'idleWord', 0b11)
  assert.is(board.idleElsewhere(0), 32)
  assert.is(board.idleElsewhere(1), 3)
  assert.is(board.idleElsewhere(2), 35)
  board.closeProcess(1)
  assert.is(board.idleElsewhere(2), 3)
})

test('a row that its writer left half-written is still read, and is whole after the next write', () => {
  const board = scoreboard()
  board.rows.write(0, 0, full)
  const sequence = sequenceOf(board, 0, 0)
  assert.is((board.words[sequence] ?? 1) & 1, 0)
  board.words[sequence] = (board.words[sequence] ?? 0) | 1
  assert.is(board.rows.read(0, 0).state, 'W')
  board.rows.write(0, 0, emptyRow('.'))
  assert.equal(board.rows.read(0, 0), emptyRow('.'))
  assert.is((board.words[sequence] ?? 1) & 1, 0)
})

test('what another process wrote into a row can not surprise a reader', () => {
  for (const word of [0x7fffffff, -1, 1e9]) {
    const board = scoreboard()
    board.words.fill(word)
    assert.ok(threadStates.includes(board.rows.read(0, 0).state))
    assert.ok(board.idleElsewhere(0) >= 0)
  }
})

test('a reader never sees half of a row that a thread writes all the time', async () => {
  const fd = createSharedMemory('row-test', SCOREBOARD_BYTES)
  const board = Scoreboard.map(fd)
  board.format()
  const sequence = sequenceOf(board, 1, 31)
  const target: RowWriter = { fd, slot: 1, thread: 31 }
  const { worker, ended } = startThread('row-writer', target)
  await until(() => board.rows.read(1, 31).inFlight > 0, 30_000, 'the first rows')
  let certain = 0
  let torn = 0
  let rows = 0
  let last = -1
  // On a busy machine the two seldom run at the same time: as long as it takes to see many rows.
  const startedAt = performance.now()
  const lastsMs = (): number => performance.now() - startedAt
  while (lastsMs() < 2_000 || (rows <= 100 && lastsMs() < 30_000)) {
    for (let n = 0; n < 20_000; n++) {
      const before = Atomics.load(board.words, sequence)
      const row = board.rows.read(1, 31)
      // Otherwise the reader may have used up its tries: against a writer that never pauses, or one that was
      // interrupted in the middle.
      const isCertain = (before & 1) === 0 && before === Atomics.load(board.words, sequence)
      if (!isCertain) continue
      certain++
      if (row.inFlight !== last) rows++
      last = row.inFlight
      if (!isWhole(row)) torn++
    }
    await nextTurn()
  }
  await worker.terminate()
  await ended
  assert.ok(rows > 100, `${rows} different rows in ${certain} reads`)
  assert.is(torn, 0, `${torn} torn of ${certain} reads`)
})

function isWhole(row: ThreadRow): boolean {
  const n = row.inFlight
  return (
    row.state === threadStates[1 + (n % (threadStates.length - 1))] &&
    row.connections === n + 1 &&
    row.fresh === n + 2 &&
    row.accepted === n + 3 &&
    row.requests === n * 2 &&
    row.errors === n * 3 &&
    row.bytes === n * 1e9 &&
    row.busySince === n + 0.5 &&
    row.lastUsed === -n &&
    row.loopDelayMs === n / 8 &&
    row.heapBytes === n + 4 &&
    row.activeUs === n + 5
  )
}

test.run()
