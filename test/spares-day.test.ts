/** A day of load in simulated time: the two decisions together, without a process or a clock. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from './support/random.js'
import { SimulatedPool, type Sizes } from './support/simulated-pool.js'

const MINUTE_MS = 60_000
const SERVICE_MS = 100
/** Requests a second. */
const NOBODY = 1e-9

const sizes: Sizes = {
  processes: { min: 1, max: 4 },
  threads: { min: 1, max: 8 },
  spares: { min: 2, max: 6 },
}
const MOST_THREADS = sizes.processes.max * sizes.threads.max

/** Long enough for a surplus to go thread by thread and process by process. */
const QUIET_MS = 15 * MINUTE_MS

const changesOf = (pool: SimulatedPool, since: number, what: string): number =>
  pool.changes.slice(since).filter((change) => change.what.includes(what)).length

for (const seed of [1, 2, 3]) {
  // The pool itself checks in each moment that the limits are kept.
  test(`the size follows a day's load (seed ${seed})`, () => {
    const random = new Random(seed)
    const pool = new SimulatedPool(sizes, random)
    let least = MOST_THREADS
    let most = 0
    for (let hour = 0; hour < 24; hour++) {
      // Few at night, 150 a second (15 busy threads) at noon.
      const perSecond = 1 + 149 * Math.sin((Math.PI * hour) / 24) ** 4
      for (let quarter = 0; quarter < 4; quarter++) {
        // A quarter of an hour in two minutes of it.
        pool.run(2 * MINUTE_MS, perSecond, SERVICE_MS)
        least = Math.min(least, pool.threads)
        most = Math.max(most, pool.threads)
      }
    }
    assert.ok(least <= sizes.spares.max + 1, `${least} threads at night`)
    assert.ok(most >= 16, `${most} threads at noon`)
    assert.is(pool.waiting.length, 0)
    // Nobody waits for longer than it takes to start a process, and a little for his turn.
    assert.ok(pool.longestWaitMs < 1500, `${pool.longestWaitMs} ms`)
    // What goes up comes down: of both not many more than the day makes necessary.
    const hours = pool.now / (60 * MINUTE_MS)
    const processes = changesOf(pool, 0, 'processes')
    assert.ok(processes / hours < 15, `${processes} processes started or retired in ${hours} h`)
    const threads = changesOf(pool, 0, 'threads')
    assert.ok(threads / hours < 12 * 60, `${threads} changes of threads in ${hours} h`)
  })

  test(`a burst finds the whole pool within two seconds (seed ${seed})`, () => {
    const pool = new SimulatedPool(sizes, new Random(seed))
    pool.run(QUIET_MS, NOBODY, SERVICE_MS)
    const startedAt = pool.now
    let fullAt = 0
    // More than all of it can serve.
    pool.run(5000, 2000, SERVICE_MS, () => {
      if (fullAt === 0 && pool.threads === MOST_THREADS) fullAt = pool.now
    })
    assert.ok(fullAt > 0, `${pool.threads} of ${MOST_THREADS} threads`)
    assert.ok(fullAt - startedAt <= 2000, `after ${fullAt - startedAt} ms`)
  })

  test(`back to the least that the spares allow when it is over (seed ${seed})`, () => {
    for (const spares of [
      { min: 1, max: 1 },
      { min: 2, max: 6 },
    ]) {
      const pool = new SimulatedPool({ ...sizes, spares }, new Random(seed))
      pool.run(5000, 2000, SERVICE_MS)
      pool.run(QUIET_MS, NOBODY, SERVICE_MS)
      assert.ok(pool.threads <= spares.max, `${pool.threads} threads`)
      assert.ok(pool.threads >= spares.min, `${pool.threads} threads`)
      // And that is it.
      const before = pool.changes.length
      pool.run(QUIET_MS, NOBODY, SERVICE_MS)
      assert.is(pool.changes.length, before, JSON.stringify(pool.changes.slice(before)))
    }
  })

  test(`memory is given back within a minute or two (seed ${seed})`, () => {
    const one = { processes: { min: 1, max: 1 }, threads: { min: 1, max: 9 } }
    for (const { most, limitMs, ...shape } of [
      { most: 9, limitMs: 40_000, ...one },
      { most: 32, limitMs: 2 * MINUTE_MS, ...sizes },
      { most: 64, limitMs: 2 * MINUTE_MS, ...sizes, processes: { min: 1, max: 8 } },
    ]) {
      const pool = new SimulatedPool({ ...shape, spares: { min: 1, max: 3 } }, new Random(seed))
      pool.run(10_000, 5000, SERVICE_MS)
      assert.is(pool.threads, most)
      while (pool.waiting.length > 0) pool.run(1000, NOBODY, SERVICE_MS)
      const over = pool.now
      while (pool.threads > 3 && pool.now - over < 10 * MINUTE_MS)
        pool.run(1000, NOBODY, SERVICE_MS)
      assert.ok(pool.now - over <= limitMs, `${most} threads: after ${pool.now - over} ms`)
    }
  })

  test(`a steady load costs few changes (seed ${seed})`, () => {
    for (const perSecond of [10, 50, 100]) {
      const pool = new SimulatedPool(sizes, new Random(seed))
      pool.run(5 * MINUTE_MS, perSecond, SERVICE_MS)
      const before = pool.changes.length
      pool.run(30 * MINUTE_MS, perSecond, SERVICE_MS)
      // One thread less takes ten seconds of surplus, and must be missed before there is one more.
      const threads = changesOf(pool, before, 'threads') / 30
      assert.ok(threads <= 12, `${threads} changes of threads a minute at ${perSecond} a second`)
      const processes = changesOf(pool, before, 'processes') / 30
      assert.ok(processes <= 1, `${processes} processes a minute at ${perSecond} a second`)
    }
  })
}

test.run()
