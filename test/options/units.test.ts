/** Numbers with units, and the default heap limit of a thread. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { heapLimit } from '#dist/options/heap-limit.js'
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

test('all heaps together fit into three quarters of the memory', () => {
  assert.is(heapLimit([], 8, 4 * GIB, 4 * GIB), 384)
  assert.is(heapLimit([], 64, GIB, 4 * GIB), 128, 'but a thread has something to live on')
  assert.is(heapLimit([], 1, 64 * GIB, 4 * GIB), undefined, "and Node's own limit is not raised")
})

test("a limit that Node was given is each thread's", () => {
  assert.is(heapLimit(['--max-old-space-size=300'], 8, 4 * GIB, GIB), 300)
  assert.is(heapLimit(['--max_old_space_size=300', '--max-old-space-size=200'], 8, GIB, GIB), 200)
  assert.is(heapLimit(['--max-old-space-size-percentage=25'], 8, 4 * GIB, GIB), 1024)
})

test.run()
