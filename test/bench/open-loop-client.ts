import { connect } from 'node:net'
import type { LoadResult } from './load.js'
import { ResponseReader } from './response-reader.js'
import { quantile } from './statistics.js'

// usage: node open-loop-client.js PORT CONNECTIONS_PER_SECOND SECONDS
// Starts connections at a fixed rate, whatever has become of the earlier ones, each for one request; waits
// for all of them and prints a LoadResult as JSON. A process of its own, so that its work delays neither the
// server's nor the benchmark's.

// Longer than any stall of a healthy server, shorter than a reader's patience.
const TIMEOUT_MS = 5_000
// The generator's own code is slow until it has been compiled; those connections count as load, not as latency.
const COLD_MS = 500

const [port = 0, rate = 0, seconds = 0] = process.argv.slice(2).map(Number)
if (!(port > 0 && rate > 0 && seconds > 0)) {
  throw new Error('usage: open-loop-client.js PORT CONNECTIONS_PER_SECOND SECONDS')
}

const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`
const total = Math.round(rate * seconds)
const latencies: number[] = []
const latenesses: number[] = []
const failures = new Map<string, number>()
const beganMs = performance.now()
let started = 0
let ended = 0

startDue()

function startDue(): void {
  const nowMs = performance.now()
  for (;;) {
    if (started === total) return
    const dueMs = beganMs + (started * 1000) / rate
    if (dueMs > nowMs) break
    const cold = dueMs - beganMs < COLD_MS
    if (!cold) latenesses.push(performance.now() - dueMs)
    started += 1
    startConnection(cold)
  }
  // Node's timers have whole milliseconds: up to one of them late, now and then two connections at once.
  setTimeout(startDue, 1)
}

/**
 * The latency of a connection counts from its `connect`, not from when it was due: that the timer is up to
 * a millisecond late is this generator's doing and would hide a server that answers in a tenth of that. Nothing
 * is omitted by it, since a slow server can't delay the next `connect`; how late they were is reported.
 */
function startConnection(cold: boolean): void {
  const startMs = performance.now()
  const reader = new ResponseReader()
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  let outcome = 'ended before its response was complete'
  const answered = (): void => {
    outcome = ''
    if (!cold) latencies.push(performance.now() - startMs)
  }
  socket.write(request)
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('timed out')))
  socket.on('data', (chunk) => {
    const state = reader.push(chunk)
    if (state === 'complete') answered()
    if (state === 'broken') socket.destroy(new Error('not a complete 200'))
  })
  socket.on('end', () => {
    if (outcome !== '' && reader.end() === 'complete') answered()
  })
  // A reset after a complete response is a failure too: a server that resets would lose longer responses.
  socket.on('error', (error) => {
    outcome = error.message
  })
  // The server closes, as it was asked to; the connection is over only then.
  socket.on('close', () => {
    if (outcome !== '') failures.set(outcome, (failures.get(outcome) ?? 0) + 1)
    ended += 1
    if (ended === total) report()
  })
}

function report(): void {
  const failed = [...failures.values()].reduce((sum, n) => sum + n, 0)
  const result: LoadResult = {
    requests: total - failed,
    failed,
    failures: [...failures].map(([what, n]) => `${n} ${what}`).join('; '),
    requestsPerSecond: ((total - failed) * 1000) / (performance.now() - beganMs),
    ...(latencies.length > 0 && {
      latency: {
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
        generatorLateP99Ms: quantile(latenesses, 0.99),
      },
    }),
  }
  console.log(JSON.stringify(result))
}
