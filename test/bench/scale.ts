/**
 * What 64 cores and 10,000 connections a second would do, by simulation, and how far the model and this machine agree at 1, 2, 4 and 8 processes.
 *
 *     npm run build && npx tsc -p test/tsconfig.json && node build/test/bench/scale.js
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from 'forkthread'
import { get } from '../support/http.js'
import { fixture } from '../support/paths.js'
import { type AcceptCosts, type Situation, simulate } from './accept-model.js'

/** Lock and hand-over as `node build/test/bench/locks.js --quick` measures them; poll and accept are assumed. */
const costs: AcceptCosts = { handOverUs: 12, lockUs: 1.1, pollUs: 3, acceptUs: 15 }

const SERVICE_MS = 20
const LOAD = 0.6
const SECONDS = 6

/** From the request to the handler in ms, sorted, of a real pool whose threads block without using a processor. */
async function measure(processes: number): Promise<number[]> {
  const waits: number[] = []
  const pool = await createPool({
    ...{ handler: fixture('sleeps'), listen: '127.0.0.1:0', processes, threads: 1 },
  })
  const everyMs = SERVICE_MS / (LOAD * processes)
  const asked: Promise<void>[] = []
  const endAt = performance.now() + SECONDS * 1000
  let at = performance.now()
  while (at < endAt) {
    await sleep(Math.max(0, at - performance.now()))
    const serviceMs = -SERVICE_MS * Math.log(1 - Math.random())
    const sentAt = performance.now()
    asked.push(
      get(`${pool.address}/?ms=${serviceMs}`).then(({ body }) => {
        waits.push(performance.now() - sentAt - Number(body))
      }),
    )
    at -= everyMs * Math.log(1 - Math.random())
  }
  await Promise.all(asked)
  await pool.close()
  return waits.sort((one, other) => one - other)
}

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0).padStart(8)

console.log(
  `checked here: 1 thread a process, handlers of ${SERVICE_MS} ms on average, load ${LOAD}`,
)
console.log('processes   p50 model  measured   p99 model  measured (ms)')
for (const processes of [1, 2, 4, 8]) {
  const rate = (LOAD * processes * 1000) / SERVICE_MS
  const usual = { rate, serviceMs: SERVICE_MS, processes, threads: 1, groups: 1, costs }
  const { p50Ms, p99Ms } = simulate({ ...usual, permits: processes }, 100_000)
  const waits = await measure(processes)
  const at = (share: number): number => waits[Math.floor(waits.length * share)] ?? 0
  console.log(
    `${String(processes).padStart(9)}   ${ms(p50Ms)}  ${ms(at(0.5))}    ${ms(p99Ms)}  ${ms(at(0.99))}`,
  )
}

const large: Omit<Situation, 'permits' | 'groups'> = {
  ...{ rate: 10_000, serviceMs: 9, processes: 64, threads: 2, costs },
}
console.log('\n64 processes x 2 threads, 10,000 connections/s, handlers of 9 ms (load 0.7):')
console.log('                            p50       p99  busy share of the accept section')
for (const [name, permits, groups] of [
  ['mutex, 1 permit', 1, 1],
  ['mutex, 2 permits', 2, 1],
  ['mutex, 4 permits', 4, 1],
  ['none', 64, 1],
  ['reusePort, 2 pools', 2, 2],
  ['reusePort, 8 pools', 8, 8],
  ['a queue per process', 64, 64],
] as const) {
  const { p50Ms, p99Ms, mutexShare } = simulate({ ...large, permits, groups })
  console.log(`${name.padEnd(22)} ${ms(p50Ms)}  ${ms(p99Ms)}  ${(mutexShare * 100).toFixed(1)} %`)
}
for (const rate of [20_000, 30_000, 50_000]) {
  const serviceMs = (0.7 * 128 * 1000) / rate
  const { p99Ms, mutexShare } = simulate({ ...large, rate, serviceMs, permits: 1, groups: 1 })
  console.log(`1 permit at ${rate}/s: p99 ${ms(p99Ms)} ms, ${(mutexShare * 100).toFixed(0)} %`)
}
