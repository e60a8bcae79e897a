import { connect } from 'node:net'
import { nowMs } from './clock.js'

// Open-loop requests, each on a connection of its own, whatever their answers are: a process of its own, so that what it does delays
// neither the server nor who measures it. `node flood.js PORT PER_SECOND SECONDS PATH` prints a `Flood` as JSON when the last one has ended.

/** How the requests of a flood ended. All times in ms. */
export interface Flood {
  readonly sent: number
  /** From when it was due to the end of the answer, of those that got 200. */
  readonly servedMs: readonly number[]
  /** The same of those that got 503. */
  readonly refusedMs: readonly number[]
  /** Neither, in words. */
  readonly failures: readonly string[]
  /** Between the first and the last 200. */
  readonly servingMs: number
}

const PATIENCE_MS = 30_000

const [port = '', perSecond = '', seconds = '', path = '/'] = process.argv.slice(2)
const servedMs: number[] = []
const refusedMs: number[] = []
const failures: string[] = []
let firstMs = 0
let lastMs = 0

function ask(dueMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
    let head = ''
    let failure = 'no answer'
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('timed out')))
    socket.write(`GET ${path} HTTP/1.1\r\nHost: flood\r\nConnection: close\r\n\r\n`)
    socket.setEncoding('latin1').on('data', (text) => {
      if (head.length < 12) head += text
    })
    socket.on('error', (error) => {
      failure = error.message
      head = ''
    })
    socket.on('close', () => {
      const tookMs = nowMs() - dueMs
      const status = head.slice(9, 12)
      if (status === '200') {
        servedMs.push(tookMs)
        lastMs = nowMs()
        firstMs ||= lastMs
      } else if (status === '503') refusedMs.push(tookMs)
      else failures.push(status === '' ? failure : status)
      resolve()
    })
  })
}

const all: Promise<void>[] = []
const beganMs = nowMs()
const count = Math.round(Number(perSecond) * Number(seconds))
for (let sent = 0; sent < count; sent++) {
  const dueMs = beganMs + (sent * 1000) / Number(perSecond)
  while (nowMs() < dueMs) await new Promise((resolve) => setTimeout(resolve, dueMs - nowMs()))
  all.push(ask(dueMs))
}
await Promise.all(all)
const flood: Flood = { sent: count, servedMs, refusedMs, failures, servingMs: lastMs - firstMs }
process.stdout.write(JSON.stringify(flood))
