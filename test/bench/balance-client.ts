import { connect } from 'node:net'
import { json } from 'node:stream/consumers'
import type { Served } from './balance-figures.js'
import type { Due } from './balance-schedule.js'

// usage: node balance-client.js PORT <SCHEDULE
// Starts each connection of the schedule (Due[] as JSON) when it is due, whatever has become of the earlier ones; waits for all
// of them and prints a BalanceRun as JSON. A process of its own, so that its work delays neither the server's nor the
// benchmark's.

export interface BalanceRun {
  readonly served: readonly Served[]
  /** What went wrong, once per failed request. */
  readonly failures: readonly string[]
  /** How late each connection was started, in ms: what a busy machine did to the generator, and to the servers as well. */
  readonly latenessesMs: readonly number[]
}

// Longer than any stall of a healthy server, shorter than a reader's patience.
const TIMEOUT_MS = 10_000
// The generator's own code is slow until it has been compiled.
const LEAD_MS = 100

const port = Number(process.argv[2])
const dues = (await json(process.stdin)) as Due[]
const served: Served[] = []
const failures: string[] = []
const latenessesMs: number[] = []
const nowMs = (): number => nsToMs(process.hrtime.bigint())
const beganMs = nowMs() + LEAD_MS
let started = 0
startDue()

function startDue(): void {
  for (let due = dues[started]; due !== undefined; due = dues[started]) {
    if (beganMs + due.atMs > nowMs()) {
      // Node's timers have whole milliseconds: up to one of them late, the same for every server.
      setTimeout(startDue, 1)
      return
    }
    started += 1
    latenessesMs.push(nowMs() - beganMs - due.atMs)
    request(due.serviceMs)
  }
  // Nothing to start: the last sockets keep the process alive until they are done.
}

function request(serviceMs: number): void {
  let reply = ''
  let answeredMs = 0
  let failure = 'not a complete 200'
  const arrivedMs = nowMs()
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.write(`GET /${serviceMs} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`)
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('timed out')))
  socket.setEncoding('latin1').on('data', (text) => {
    reply += text
    answeredMs = nowMs()
  })
  socket.on('error', (error) => {
    failure = error.message
    reply = ''
  })
  socket.on('close', () => {
    const stamps = /^HTTP\/1\.1 200 .*\r\n(\d+) (\d+) (\d+)\n/s.exec(reply)
    if (stamps === null) {
      failures.push(failure)
      return
    }
    const [, pid, startedAt = '', endedAt = ''] = stamps
    const startedMs = nsToMs(BigInt(startedAt))
    served.push({
      pid: Number(pid),
      arrivedMs,
      startedMs,
      endedMs: nsToMs(BigInt(endedAt)),
      answeredMs,
    })
  })
}

function nsToMs(ns: bigint): number {
  return Number(ns) / 1e6
}

process.once('beforeExit', () => {
  const run: BalanceRun = { served, failures, latenessesMs }
  process.stdout.write(JSON.stringify(run))
})
