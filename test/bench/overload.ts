import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { createPool, type PoolOptions } from '#dist/index.js'
import { portOf } from '../support/http.js'
import { fixture } from '../support/paths.js'
import type { Flood } from './client/flood.js'
import { wholeNumber } from './command-line.js'
import { processTree } from './process-tree.js'
import { quantile } from './statistics.js'

// What `queueTimeout` does under 2 and 10 times the load that the pool can carry: how much is served all the same, how long that
// took, and what a refusal costs beside what serving costs. The handlers sleep, so that the threads are what is scarce, and not the
// cores, which the client needs, too. Capacity is measured by the same client at the same pool, in the same run.
//
//     npm run build && npx tsc -p test/tsconfig.json && node build/test/bench/overload.js [--seconds N] [--service MS]

const PROCESSES = 2
const THREADS = 2
const QUEUE_TIMEOUT_MS = 500
/** Beyond what the threads can do, so that none is ever without work, but not so far that anything is late. */
const FULL_LOAD = 1.2
const FULL_LOAD_SECONDS = 2
const TICKS_PER_SECOND = 100

const flood = fileURLToPath(new URL('client/flood.js', import.meta.url))

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, service: { type: 'string' } },
})
const seconds = wholeNumber('--seconds', values.seconds) ?? 10
const serviceMs = wholeNumber('--service', values.service) ?? 20
const nominal = (PROCESSES * THREADS * 1000) / serviceMs

interface Outcome {
  readonly flood: Flood
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** User and system time of the pool's processes, the parent's (which is this one) included. */
  readonly cpuMs: number
}

async function run(port: number, times: number, forSeconds: number, ms: number): Promise<Outcome> {
  const before = poolTicks()
  const args = [flood, String(port), String(nominal * times), String(forSeconds), `/?ms=${ms}`]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 })
  const cpuMs = ((poolTicks() - before) * 1000) / TICKS_PER_SECOND
  const result = JSON.parse(stdout) as Flood
  const { servedMs, servingMs } = result
  const perSecond = (servedMs.length - 1) / (servingMs / 1000)
  return {
    ...{ flood: result, perSecond, cpuMs },
    p50: quantile(servedMs, 0.5),
    p99: quantile(servedMs, 0.99),
  }
}

/** The client has been reaped when this is asked, and counts among what is reaped, not here. */
function poolTicks(): number {
  return processTree(process.pid).reduce((sum, { ownTicks }) => sum + ownTicks, 0)
}

async function withPool(
  options: Partial<PoolOptions>,
  act: (port: number) => Promise<void>,
): Promise<void> {
  const pool = await createPool({
    ...{ handler: fixture('sleeps'), listen: '127.0.0.1:0', backlog: 16_384 },
    ...{ processes: PROCESSES, threads: THREADS },
    ...options,
  })
  try {
    await act(portOf(pool.address))
  } finally {
    await pool.close()
  }
}

console.log(
  `${PROCESSES} x ${THREADS} threads, handlers of ${serviceMs} ms: ${nominal}/s at most; queueTimeout ${QUEUE_TIMEOUT_MS} ms, ${seconds} s each`,
)
await withPool({ queueTimeout: QUEUE_TIMEOUT_MS }, async (port) => {
  await run(port, 0.5, 1, serviceMs)
  const capacity = await run(port, FULL_LOAD, FULL_LOAD_SECONDS, serviceMs)
  console.log(`capacity as measured: ${capacity.perSecond.toFixed(0)}/s`)
  console.log(
    'overload   served/s  of capacity  p50   p99 (ms)  refused   failed  CPU ms a refusal',
  )
  for (const times of [2, 10]) {
    const { flood: result, perSecond, p50, p99, cpuMs } = await run(port, times, seconds, serviceMs)
    const { refusedMs, failures, servedMs } = result
    const servingMs = (capacity.cpuMs / capacity.flood.servedMs.length) * servedMs.length
    const perRefusal = (cpuMs - servingMs) / refusedMs.length
    console.log(
      [
        `${times} x`.padStart(8),
        perSecond.toFixed(0).padStart(10),
        `${((perSecond / capacity.perSecond) * 100).toFixed(0)} %`.padStart(12),
        p50.toFixed(0).padStart(5),
        p99.toFixed(0).padStart(5),
        String(refusedMs.length).padStart(13),
        String(failures.length).padStart(8),
        perRefusal.toFixed(3).padStart(10),
        `(a request: ${(capacity.cpuMs / capacity.flood.servedMs.length).toFixed(3)})`,
      ].join(' '),
    )
    if (failures.length > 0) console.log(new Set(failures))
  }
  const after = await run(port, 0.5, 1, serviceMs)
  console.log(
    `right after: ${after.flood.refusedMs.length} refused, p99 ${after.p99.toFixed(0)} ms`,
  )
})
await withPool({}, async (port) => {
  const { p50, p99, flood: result } = await run(port, 2, seconds, serviceMs)
  console.log(
    `without queueTimeout, 2 x: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, ${result.failures.length} failed`,
  )
})
