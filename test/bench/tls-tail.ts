import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { connect } from 'node:http2'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createPool } from '#dist/index.js'
import { local } from '../support/certificates.js'
import { fixture } from '../support/paths.js'
import { wholeNumber } from './command-line.js'

// What it costs the tail that a connection over TLS stays with its thread. Requests come at random times whether or not earlier
// ones are answered; one in ten blocks its thread for a while (asleep, so a small machine does as well as a large one); 2 × 2
// threads, 62 % busy. `node build/test/bench/tls-tail.js [--seconds N] [--block MS]`

const CONNECTIONS = 32
const THREADS = 4
const LOAD = 0.62
const ONE_IN = 10
const SHORT = '/headers'

/** Sends a request; resolves when its answer is complete. */
type Send = (path: string) => Promise<void>
type Way = (url: string) => { readonly send: Send; close(): void }

function byAgent(request: typeof httpRequest, agent: HttpAgent): { send: Send; close(): void } {
  const send = (url: string): Promise<void> =>
    new Promise((resolve, reject) => {
      request(url, { agent, ...{ rejectUnauthorized: false } }, (incoming) => {
        incoming.resume().once('end', () => resolve())
      })
        .once('error', reject)
        .end()
    })
  return { send, close: () => agent.destroy() }
}

const at =
  (request: typeof httpRequest, makeAgent: () => HttpAgent): Way =>
  (url) => {
    const { send, close } = byAgent(request, makeAgent())
    return { send: (path) => send(url + path), close }
  }

const byStreams =
  (connections: number): Way =>
  (url) => {
    const sessions = Array.from({ length: connections }, () =>
      connect(url, { rejectUnauthorized: false }),
    )
    let next = 0
    const send: Send = (path) =>
      new Promise((resolve, reject) => {
        const stream = sessions[next++ % sessions.length]?.request({ ':path': path })
        stream?.once('end', () => resolve()).once('error', reject)
        stream?.resume().end()
      })
    return {
      send,
      close: () => {
        for (const session of sessions) session.close()
      },
    }
  }

const kept = { keepAlive: true, maxSockets: CONNECTIONS, scheduling: 'fifo' } as const
const ways: readonly (readonly [string, boolean, Way])[] = [
  ['HTTP/1.1 in clear, 32 connections', false, at(httpRequest, () => new HttpAgent(kept))],
  ['HTTP/1.1 over TLS, 32 connections', true, at(httpsRequest, () => new HttpsAgent(kept))],
  [
    'HTTP/1.1 over TLS, a connection each',
    true,
    at(httpsRequest, () => new HttpsAgent({ keepAlive: false })),
  ],
  ['HTTP/2 over TLS, 32 connections', true, byStreams(CONNECTIONS)],
  ['HTTP/2 over TLS, 1 connection', true, byStreams(1)],
]

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, block: { type: 'string' } },
})
const seconds = wholeNumber('--seconds', values.seconds) ?? 8
const blockMs = wholeNumber('--block', values.block) ?? 100
/** The long ones make up all of the load. */
const requestsPerSecond = (LOAD * THREADS * 1000 * ONE_IN) / blockMs

console.log(
  `${requestsPerSecond} requests a second, one in ${ONE_IN} blocks ${blockMs} ms; ms from the moment it was due`,
)
for (const [name, isSecure, way] of ways) {
  await using pool = await createPool({
    handler: fixture('http'),
    listen: isSecure ? 'https://127.0.0.1:0' : '127.0.0.1:0',
    ...(isSecure ? { tls: local } : {}),
    processes: 2,
    threads: 2,
  })
  const client = way(pool.address)
  // What threads learn about their handlers (and whether to park) they learn in the first second.
  await drive(client.send, 2)
  const times = (await drive(client.send, seconds)).sort((one, other) => one - other)
  client.close()
  const quantile = (share: number): string =>
    String(Math.round(times[Math.floor(times.length * share)] ?? 0)).padStart(5)
  console.log(
    `${name.padEnd(38)} p50 ${quantile(0.5)}   p90 ${quantile(0.9)}   p99 ${quantile(0.99)}`,
  )
}

/** An open loop: exponential distances, and each time counts from when the request was due. */
async function drive(send: Send, forSeconds: number): Promise<number[]> {
  const times: number[] = []
  const pending: Promise<void>[] = []
  const start = performance.now()
  let due = start
  for (;;) {
    due += (-Math.log(1 - Math.random()) * 1000) / requestsPerSecond
    if (due - start > forSeconds * 1000) break
    const wait = due - performance.now()
    if (wait > 1) await sleep(wait)
    const dueAt = due
    const path = Math.random() * ONE_IN < 1 ? `/block?ms=${blockMs}` : SHORT
    pending.push(send(path).then(() => void times.push(performance.now() - dueAt)))
  }
  await Promise.all(pending)
  return times
}
