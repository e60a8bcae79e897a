/** Numbers with units, and the default heap limit of a thread. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureMachine } from '#dist/options/default-sizes.js'
import { heapLimits } from '#dist/options/heap-limit.js'
import { parseOptions } from '#dist/options/parse-options.js'
import { example } from '../support/paths.js'

const handler = example('hello')
const GIB = 2 ** 30

for (const [text, ms] of [
  ['500ms', 500],
  ['10s', 10_000],
  ['1.5s', 1500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
] as const) {
  test(`${text} are ${ms} ms`, () => {
    assert.is(parseOptions({ handler, drainTimeout: text }).drainTimeout, ms)
  })
}

for (const [text, bytes] of [
  ['512K', 512 * 1024],
  ['64M', 64 * 2 ** 20],
  ['64MB', 64 * 2 ** 20],
  ['64MiB', 64 * 2 ** 20],
  ['2g', 2 * GIB],
] as const) {
  test(`${text} are ${bytes} bytes`, () => {
    assert.is(parseOptions({ handler, recycleRss: text }).recycleRss, bytes)
  })
}

test('limits of threads are in MiB, or have a unit', () => {
  const resourceLimits = { maxOldGenerationSizeMb: '1G', stackSizeMb: 8 }
  assert.equal(parseOptions({ handler, resourceLimits }).resourceLimits, {
    maxOldGenerationSizeMb: 1024,
    stackSizeMb: 8,
  })
})

const limits = (
  flags: readonly string[],
  threads: number,
  memory: number,
  usual: number,
  given = {},
) => heapLimits(given, flags, threads, memory, usual)

test('all heaps together fit into three quarters of the memory, both generations', () => {
  assert.equal(limits([], 8, 4 * GIB, 4 * GIB, { maxYoungGenerationSizeMb: 48 }), {
    maxOldGenerationSizeMb: 336,
    maxYoungGenerationSizeMb: 48,
  })
  for (let threads = 2; threads <= 64; threads++) {
    const { maxOldGenerationSizeMb: old = 0, maxYoungGenerationSizeMb: young = 0 } = limits(
      [],
      threads,
      16 * GIB,
      8 * GIB,
    )
    assert.ok(threads * (old + young) * 2 ** 20 <= 12 * GIB, `${threads}: ${old} + ${young}`)
    assert.ok(young >= 24 && young <= old / 2, `${threads}: ${old} + ${young}`)
  }
})

test('but a thread has something to live on', () => {
  assert.equal(limits([], 64, GIB, 4 * GIB), {
    maxOldGenerationSizeMb: 128,
    maxYoungGenerationSizeMb: 24,
  })
})

test("and Node's own limit is not raised, nor that of the young generation", async () => {
  assert.equal(limits([], 1, 64 * GIB, 4 * GIB), {})
  const answer = `require('worker_threads').parentPort.postMessage(require('v8').getHeapStatistics().heap_size_limit)`
  const worker = new Worker(answer, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 300 } })
  const [heapBytes] = (await once(worker, 'message')) as [number]
  await worker.terminate()
  const usual = heapBytes / 2 ** 20 - 300
  const { maxYoungGenerationSizeMb: young = 0 } = limits([], 1, 8 * GIB, 64 * GIB)
  // With less memory V8 has less in mind, and the share of a thread is less as well.
  if (measureMachine().memoryBytes >= 16 * GIB) assert.is(young, usual)
  else assert.ok(young >= usual, `${young}, ${usual}`)
})

test("a limit that Node was given is each thread's", () => {
  const given = (flags: readonly string[], memory: number) => limits(flags, 8, memory, GIB)
  assert.equal(given(['--max-old-space-size=300'], 4 * GIB), { maxOldGenerationSizeMb: 300 })
  const twice = ['--max_old_space_size=300', '--max-old-space-size=200']
  assert.equal(given(twice, GIB), { maxOldGenerationSizeMb: 200 })
  const percentage = ['--max-old-space-size-percentage=25']
  assert.equal(given(percentage, 4 * GIB), { maxOldGenerationSizeMb: 1024 })
})

test('who limits the old generation has the young one as Node makes it', () => {
  const given = { maxOldGenerationSizeMb: 300 }
  assert.equal(limits([], 8, GIB, 4 * GIB, given), given)
})

test.run()
