/**
 * The open-loop generator against servers whose latency is known, since they are in this file: what it measures is what they
 * did, and a server that stands still has every request counted that it kept waiting (no coordinated omission).
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createRawServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from '../../support/random.js'
import { responseMs } from '../figures/latency.js'
import { poisson } from '../loads/arrivals.js'
import { driveOpenLoop } from '../loads/drive-open-loop.js'
import type { Meter } from '../loads/load.js'
import { quantile } from '../statistics.js'
import { nowMs } from './clock.js'
import type { ClientReport, Order } from './order.js'

/** A busy machine may take so long for anything. */
const SLACK_MS = 150

const meter: Meter = { begin: () => undefined, end: async () => undefined }

async function drive(
  port: number,
  order: Partial<Order> & Pick<Order, 'dues'>,
): Promise<ClientReport> {
  const whole: Order = {
    addresses: [{ port }],
    protocol: 'http',
    connections: 'each',
    idleConnections: 0,
    slowClients: 0,
    ...order,
  }
  return driveOpenLoop(whole, meter, AbortSignal.timeout(60_000))
}

const dues = (perSecond: number, seconds: number): Order['dues'] =>
  poisson(new Random(3), perSecond, seconds).map((atMs) => ({ atMs, path: '/x', observed: true }))

/** A server on a free port for as long as `body` takes; with the number of connections that it has seen. */
async function withServer(
  listener: (req: IncomingMessage, res: ServerResponse) => void,
  body: (port: number, connections: () => number) => Promise<void>,
): Promise<void> {
  let connections = 0
  const server = createServer(listener).listen(0, '127.0.0.1')
  server.on('connection', () => {
    connections += 1
  })
  await once(server, 'listening')
  try {
    await body((server.address() as AddressInfo).port, () => connections)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

const answersAfter =
  (ms: number) =>
  (_req: IncomingMessage, res: ServerResponse): unknown =>
    sleep(ms).then(() => res.end('x'))

for (const connections of ['each', 8] as const) {
  test(`a server that takes 100 ms: every request took them (connections: ${connections})`, async () => {
    await withServer(answersAfter(100), async (port) => {
      const order = { dues: dues(100, 1), connections }
      const { exchanges, failures } = await drive(port, order)
      assert.equal(failures, [])
      assert.is(exchanges.length, order.dues.length)
      const ms = exchanges.map(responseMs)
      assert.ok(quantile(ms, 0) >= 99, `least: ${quantile(ms, 0)}`)
      assert.ok(quantile(ms, 0.5) < 100 + SLACK_MS, `median: ${quantile(ms, 0.5)}`)
    })
  })

  test(`a server that stands still for 600 ms: each that came meanwhile waited for the rest of them (connections: ${connections})`, async () => {
    // The opening of connections is answered at once; the first request of the schedule starts the clock.
    let stillFromMs = Number.POSITIVE_INFINITY
    const STILL_MS = 600
    const listener = ({ url }: IncomingMessage, res: ServerResponse): unknown => {
      if (url !== '/x') return res.end('x')
      if (stillFromMs === Number.POSITIVE_INFINITY) stillFromMs = nowMs() + 300
      const goesOnInMs = stillFromMs + STILL_MS - nowMs()
      const isStill = nowMs() >= stillFromMs && goesOnInMs > 0
      return isStill ? sleep(goesOnInMs).then(() => res.end('x')) : res.end('x')
    }
    await withServer(listener, async (port) => {
      const { exchanges, failures } = await drive(port, { dues: dues(100, 1.5), connections })
      assert.equal(failures, [])
      const during = exchanges.filter(
        ({ arrivedMs }) => arrivedMs > stillFromMs && arrivedMs < stillFromMs + STILL_MS,
      )
      // About 60 came. A generator that waits for answers before it asks again would have had 8 at most, and reported those.
      assert.ok(during.length > 30, `${during.length} came`)
      for (const { arrivedMs, answeredMs } of during) {
        const lateMs = answeredMs - (stillFromMs + STILL_MS)
        // A timer of Node may be a millisecond early, and the two clocks are of two processes.
        assert.ok(lateMs >= -3 && lateMs < SLACK_MS, `${arrivedMs - stillFromMs}: ${lateMs}`)
      }
    })
  })
}

test('connections that stay open are used again, and more are opened while all are busy', async () => {
  await withServer(answersAfter(0), async (port, connections) => {
    await drive(port, { dues: dues(100, 0.5), connections: 4 })
    assert.ok(connections() >= 4 && connections() < 30, `${connections()} connections`)
  })
  await withServer(answersAfter(500), async (port, connections) => {
    const order = { dues: dues(100, 0.4), connections: 2 }
    await drive(port, order)
    assert.ok(connections() > 20, `${connections()} connections`)
  })
})

test('idle connections are open while the load runs', async () => {
  await withServer(answersAfter(0), async (port, connections) => {
    await drive(port, { dues: dues(50, 0.2), idleConnections: 50 })
    assert.ok(connections() >= 50 + 1, `${connections()} connections`)
  })
})

test('who worked from when to when is read, by both clocks', async () => {
  const byHrtime = (_req: IncomingMessage, res: ServerResponse): unknown => {
    const ns = process.hrtime.bigint()
    return res.end(`a ${ns} ${ns + 5_000_000n}\n`)
  }
  const byDate = (_req: IncomingMessage, res: ServerResponse): unknown =>
    res.end(`b ${Date.now()}000000 ${Date.now() + 5}000000\n`)
  for (const listener of [byHrtime, byDate]) {
    await withServer(listener, async (port) => {
      const { exchanges } = await drive(port, { dues: dues(50, 0.3) })
      for (const { arrivedMs, answeredMs, served } of exchanges) {
        assert.ok(served !== undefined && served.startedMs > arrivedMs - 2)
        assert.ok(served.startedMs < answeredMs + 2)
        assert.ok(Math.abs(served.endedMs - served.startedMs - 5) < 1.5)
      }
    })
  }
})

test('what fails is counted: a status that is not 200, an early end, a reset', async () => {
  const wrong: ((socket: Socket) => void)[] = [
    (socket) => socket.end('HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'),
    (socket) => socket.resetAndDestroy(),
  ]
  for (const react of wrong) {
    const server = createRawServer((socket) => {
      socket.on('error', () => undefined).once('data', () => react(socket))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const order = { dues: dues(50, 0.3) }
    const report = await drive((server.address() as AddressInfo).port, order)
    server.close()
    assert.is(report.exchanges.length, 0)
    assert.is(report.failures.length, order.dues.length)
  }
})

test('an echo is checked', async () => {
  const server = createRawServer((socket) => {
    socket.on('error', () => undefined).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const order = { dues: dues(50, 0.3), protocol: 'echo' as const }
  const report = await drive((server.address() as AddressInfo).port, order)
  server.close()
  assert.equal(report.failures, [])
  assert.is(report.exchanges.length, order.dues.length)
})

test('slow clients send their requests byte by byte and are answered', async () => {
  let slowOnes = 0
  const listener = ({ url }: IncomingMessage, res: ServerResponse): void => {
    if (url === '/stamp') slowOnes += 1
    res.end('x')
  }
  await withServer(listener, async (port) => {
    const { failures } = await drive(port, { dues: dues(20, 2.5), slowClients: 2 })
    assert.equal(failures, [])
    assert.ok(slowOnes >= 1, `${slowOnes} slow requests`)
  })
})

test.run()
