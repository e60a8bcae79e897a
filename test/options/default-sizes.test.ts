import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultSizes, measureMachine } from '#dist/options/default-sizes.js'

const GIB = 2 ** 30

test('a middling machine: a process per core, up to four threads in each', () => {
  assert.equal(defaultSizes(8, 16 * GIB), {
    processes: { min: 2, max: 8 },
    threads: { min: 1, max: 4 },
    spares: { min: 8, max: 24 },
  })
})

test('one core: two processes, so that one may die', () => {
  assert.equal(defaultSizes(1, 4 * GIB), {
    processes: { min: 1, max: 2 },
    threads: { min: 1, max: 4 },
    spares: { min: 1, max: 3 },
  })
})

test('little memory: fewer threads, but one in each process', () => {
  assert.equal(defaultSizes(4, GIB).threads, { min: 1, max: 2 })
  assert.equal(defaultSizes(4, GIB / 8).threads, { min: 1, max: 1 })
})

test('whatever the machine, the sizes are what the options allow', () => {
  for (let cores = 1; cores <= 64; cores++)
    for (const memory of [2 ** 20, GIB, 64 * GIB, 2 ** 42]) {
      const { processes, threads, spares } = defaultSizes(cores, memory)
      for (const [range, limit] of [
        [processes, 64],
        [threads, 32],
        [spares, 64 * 32],
      ] as const) {
        assert.ok(range.min >= 1 && range.min <= range.max, `${cores} cores, ${memory} bytes`)
        assert.ok(range.max <= limit, `${cores} cores: ${JSON.stringify(range)} > ${limit}`)
      }
    }
})

test('this machine has cores and memory', () => {
  const { cores, memoryBytes } = measureMachine()
  assert.ok(cores >= 1)
  assert.ok(memoryBytes > 2 ** 24 && Number.isFinite(memoryBytes))
})

test.run()
