/** A day of load in simulated time: the two decisions together, without a process or a clock. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from './support/random.js'
import { type Sizes, SimulatedPool } from './support/simulated-pool.js'

const MINUTE = 60_000
const sizes: Sizes = {
  processes: { min: 1, max: 4 },
  threads: { min: 1, max: 8 },
  spares: { min: 2, max: 6 },
}
for (const n of [1, 2, 3, 8]) {
  for (const perSecond of [1, 10, 50, 100]) {
   for (const spares of [{min:2,max:6},{min:4,max:5},{min:8,max:8}, {min:1,max:1}]) {
    const pool = new SimulatedPool({...sizes, spares, processes: {min: n, max: 8}}, new Random(1))
    pool.run(5 * MINUTE, perSecond, 100)
    const before = pool.changes.length
    pool.run(30 * MINUTE, perSecond, 100)
    const c = pool.changes.slice(before)
    console.log(n, perSecond, JSON.stringify(spares), 'changes/min', (c.length / 30).toFixed(1), pool.processes, pool.threads, pool.busy, pool.longestWaitMs.toFixed(0))
   }
  }
}
