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
import { quantile } from './statistics.js'

/** Lock and hand-over as `node build/test/bench/locks.js --quick` measures them; poll and accept are assumed. */
const costs: AcceptCosts = { handOverUs: 12, lockUs: 1.1, pollUs: 3, acceptUs: 15 }

const SERVICE_MS = 20
const LOAD = 0.6
/** Of each pool: with fewer the 99th percentile is a matter of luck. */
const REQUESTS = 1200
const LONE_REQUESTS = 50

interface Measured {
  /** What a request costs that meets nobody, beside its service, in ms: the client, Node, the wake-ups. The model has no such thing. */
  readonly aloneMs: number
  /** From the request to the handler beyond that, in ms, sorted. */
  readonly waits: readonly number[]
}

/** A real pool whose threads block without using a processor. */
async function measure(processes: number): Promise<Measured> {
  const waits: number[] = []
  const alone: number[] = []
  const pool = await createPool({
    ...{ handler: fixture('sleeps'), listen: '127.0.0.1:0', processes, threads: 1 },
  })
  const ask = async (serviceMs: number): Promise<number> => {
    const sentAt = performance.now()
    const { body } = await get(`${pool.address}/?ms=${serviceMs}`)
    return performance.now() - sentAt - Number(body)
  }
  for (let n = 0; n < LONE_REQUESTS; n++) alone.push(await ask(SERVICE_MS / 2))
  const aloneMs = quantile(alone, 0.5)
  const everyMs = SERVICE_MS / (LOAD * processes)
  const asked: Promise<unknown>[] = []
  let at = performance.now()
  for (let n = 0; n < REQUESTS; n++) {
    await sleep(Math.max(0, at - performance.now()))
    const serviceMs = -SERVICE_MS * Math.log(1 - Math.random())
    asked.push(ask(serviceMs).then((ms) => waits.push(Math.max(0, ms - aloneMs))))
    at -= everyMs * Math.log(1 - Math.random())
  }
  await Promise.all(asked)
  await pool.close()
  return { aloneMs, waits }
}

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0).padStart(8)

console.log(
  `checked here: 1 thread a process, handlers of ${SERVICE_MS} ms on average, load ${LOAD}`,
)
console.log(
  'processes   p50 model  measured   p90 model  measured   p99 model  measured (ms)   alone',
)
for (const processes of [1, 2, 4, 8]) {
  const rate = (LOAD * processes * 1000) / SERVICE_MS
  const usual = { rate, serviceMs: SERVICE_MS, processes, threads: 1, groups: 1, costs }
  const model = simulate({ ...usual, permits: processes }, 100_000)
  const { aloneMs, waits } = await measure(processes)
  const at = (share: number): string => ms(quantile(waits, share))
  console.log(
    `${String(processes).padStart(9)}   ${ms(model.p50Ms)}  ${at(0.5)}    ${ms(model.p90Ms)}  ${at(0.9)}    ${ms(model.p99Ms)}  ${at(0.99)}    ${ms(aloneMs)}`,
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
