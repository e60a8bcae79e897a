import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { Address } from '../peers/server.js'
import { nowMs } from './clock.js'
import { exchangeAndClose, exchangeEcho, open, type Reply } from './connection.js'
import { KeptConnections } from './kept-connections.js'
import type { ClientReport, Due, Exchange, Order } from './order.js'
import { slowRequest } from './slow-client.js'
import { readStamps } from './stamps.js'

// The open-loop generator: starts each request when it is due, whatever has become of the earlier ones, and waits for all of
// them. A process of its own, so that its work delays neither the server's nor the benchmark's.
//
// A conversation of lines: it is told its order (JSON), says `ready` when its connections are open, begins when it is told
// `go`, prints its report (JSON) when the last request has ended, and leaves, closing what is still open, when its
// standard input ends. So CPU time and memory can be read between the lines.

/**
 * Node's timers have whole milliseconds, the same for every server: a request may be started so late without its latency
 * counting from when it was due. Beyond, the generator was held up, and that must not hide what the server did meanwhile.
 */
const EXCUSED_MS = 1

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const order = JSON.parse((await lines.next()).value ?? '') as Order
const exchanges: Exchange[] = []
const failures: string[] = []
const latenessesMs: number[] = []
let turn = 0
const nextAddress = (): Address => {
  const address = order.addresses[turn % order.addresses.length]
  turn += 1
  if (address === undefined) throw new Error('the order names no address')
  return address
}
const idle = new KeptConnections(nextAddress)
await idle.fill(order.idleConnections, '/')
const kept = new KeptConnections(nextAddress)
if (order.connections !== 'each') await kept.fill(order.connections, '/')
const over = new AbortController()
const slowOnes = Array.from({ length: order.slowClients }, keepSlow)

console.log('ready')
await lines.next()
await runAll()
over.abort()
await Promise.all(slowOnes)
const report: ClientReport = { exchanges, failures, latenessesMs }
process.stdout.write(`${JSON.stringify(report)}\n`)
await lines.next()
kept.close()
idle.close()

/** Resolves when every request has ended. */
async function runAll(): Promise<void> {
  const ends: Promise<void>[] = []
  const beganMs = nowMs()
  for (const due of order.dues) {
    // Only a pause when there is one: a burst leaves at once.
    for (;;) {
      const waitMs = beganMs + due.atMs - nowMs()
      if (waitMs <= 0) break
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    ends.push(runOne(due, beganMs + due.atMs))
  }
  await Promise.all(ends)
}

async function runOne({ path, observed }: Due, dueMs: number): Promise<void> {
  const startMs = nowMs()
  latenessesMs.push(startMs - dueMs)
  try {
    const { body, answeredMs } = await request(path)
    const served = readStamps(body)
    exchanges.push({
      observed,
      arrivedMs: Math.min(startMs, dueMs + EXCUSED_MS),
      answeredMs: answeredMs,
      ...(served !== undefined && { served }),
    })
  } catch (error) {
    failures.push((error as Error).message)
  }
}

function request(path: string): Promise<Reply> {
  if (order.connections !== 'each') return kept.request(path)
  const socket = open(nextAddress())
  return order.protocol === 'echo' ? exchangeEcho(socket) : exchangeAndClose(socket, path)
}

async function keepSlow(_: unknown, n: number): Promise<void> {
  const { signal } = over
  // Not all of them at the same moment.
  const startMs = (n * 997) % 1000
  await Promise.race([
    new Promise((resolve) => setTimeout(resolve, startMs)),
    once(signal, 'abort'),
  ])
  while (!signal.aborted) {
    try {
      await slowRequest(nextAddress(), '/stamp', signal)
    } catch (error) {
      failures.push(`a slow client: ${(error as Error).message}`)
      // A server that refuses is not asked a thousand times a second.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
