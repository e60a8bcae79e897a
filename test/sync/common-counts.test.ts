/** What all parents of a pool have counted: each adds its own, and nobody's answer is below that of another before. */
import { closeSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Counting } from '#dist/parent/records/counting.js'
import { CommonCounts, type Counts, perName } from '#dist/sync/common-counts.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { createSharedMemory } from '#dist/sys/memory.js'

/** A parent with a scoreboard of its own, and the figures that the test gives it. */
function parent(counts: CommonCounts) {
  const board = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  board.format()
  board.openProcess(0)
  const figures: Record<string, number> = { requests: 0 }
  const own = (): Counts => ({
    figures,
    histograms: perName((name) =>
      name === 'queueTime' ? board.queueTimes.read() : board.histogram('handOff').read(),
    ),
    requests: board.requests.read(),
  })
  const counting = new Counting(counts, own)
  const serve = (status: number, route?: string): void => {
    board.requests.record({ method: 'GET', status, isSecure: false, protocol: '1.1', route }, 0.002)
    board.queueTimes.record(0, 0, 3)
    figures.requests = (figures.requests ?? 0) + 1
  }
  return { counting, figures, serve }
}

function shared(): { fd: number; map: () => CommonCounts; [Symbol.dispose](): void } {
  const fd = CommonCounts.create()
  const map = (): CommonCounts => {
    const counts = CommonCounts.map(fd)
    assert.ok(counts)
    return counts
  }
  return { fd, map, [Symbol.dispose]: () => closeSync(fd) }
}

function total({ requests }: Counts): number {
  return requests.reduce((sum, { durations }) => sum + durations.count, 0)
}

test('two parents that serve at the same time, and a third after them, tell of the same sums', () => {
  using memory = shared()
  const [old, young, third] = [parent(memory.map()), parent(memory.map()), parent(memory.map())]
  let served = 0
  let told = 0
  for (let round = 0; round < 50; round++)
    for (const one of [old, young]) {
      one.serve(200, '/a')
      one.serve(round % 2 === 0 ? 404 : 500)
      served += 2
      const { figures, histograms, requests } = one.counting.read()
      assert.ok((figures.requests ?? 0) >= told, `${figures.requests} after ${told}`)
      told = figures.requests ?? 0
      assert.is(told, histograms.queueTime.count)
      assert.is(told, total({ figures, histograms, requests }))
      // The other one has settled when it was asked last.
      assert.ok(served - told <= 2)
    }
  old.counting.settle()
  const after = third.counting.read()
  assert.is(after.figures.requests, served)
  assert.is(total(after), served)
  assert.equal(
    after.requests.map(({ status, route, durations }) => [status, route, durations.count]),
    [
      ['200', '/a', served / 2],
      ['404', undefined, served / 4],
      ['500', undefined, served / 4],
    ],
  )
  const seconds = after.requests.reduce((sum, { durations }) => sum + durations.sumSeconds, 0)
  assert.ok(Math.abs(seconds - served * 0.002) < 1e-6)
})

test('what is asked twice is counted once, and a figure that falls sets nothing back', () => {
  using memory = shared()
  const { counting, figures, serve } = parent(memory.map())
  serve(200)
  figures['deaths{"level":"process"}'] = 0
  counting.settle()
  counting.settle()
  assert.equal(counting.read().figures, { requests: 1, 'deaths{"level":"process"}': 0 })
  figures.requests = 0.5
  assert.is(counting.read().figures.requests, 1)
  figures.requests = Number.NaN
  assert.is(counting.read().figures.requests, 1)
  figures.requests = 3
  assert.is(counting.read().figures.requests, 3)
})

test('the memory says since when, and one of another size or layout is none', () => {
  using memory = shared()
  const { startedMs } = memory.map()
  assert.ok(startedMs > 0)
  assert.is(memory.map().startedMs, startedMs)
  const other = createSharedMemory('other', 4096)
  assert.is(CommonCounts.map(other), undefined)
  closeSync(other)
})

test.run()
