/** A load balancer that has connected just before another parent takes over the admin address gets its answer. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AdminServer } from '#dist/admin/server.js'
import { ORDERS, type Order, type OrderName } from '#dist/shared/stats.js'
import { boundAddress, openListener } from '#dist/sys/socket.js'
import { get } from '../support/http.js'
import { RawClient } from '../support/raw-client.js'

const order = () => Promise.resolve()
const nobodyAsks = (): never => {
  throw new Error('nobody asks')
}
const source = {
  stats: nobodyAsks,
  measures: nobodyAsks,
  past: nobodyAsks,
  cpu: nobodyAsks,
  ranges: nobodyAsks,
  notReady: () => undefined,
  remark: () => undefined,
  slow: () => ({ slowThreshold: 0, routes: [] }),
  capture: () => Promise.reject(new Error('no')),
  orders: Object.fromEntries(ORDERS.map((name) => [name, order])) as unknown as Record<
    OrderName,
    Order
  >,
}

function listen() {
  const address = { family: 4, host: '127.0.0.1', port: 0 } as const
  const fd = openListener(address, { backlog: 16, ipv6Only: false, reusePort: false })
  const bound = boundAddress(fd)
  const server = new AdminServer(fd, source)
  const port = bound?.family === 4 ? bound.port : 0
  return { server, port, [Symbol.dispose]: () => server.close() }
}

const ASK = 'GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n'

for (const [what, before, rest, answers] of [
  ['has not sent a byte yet', '', ASK, 1],
  ['is in the middle of its request', ASK.slice(0, 20), ASK.slice(20), 1],
  ['keeps its connection for the next question', ASK, ASK, 2],
] as const) {
  test(`a client that ${what} is answered after the handover`, async () => {
    using admin = listen()
    using client = await RawClient.connect(admin.port)
    client.write(before)
    if (before === ASK) await client.until(/ready\n$/)
    // The connections are accepted in their order, so now the first one is, too.
    assert.is((await get(`http://127.0.0.1:${admin.port}/ready`)).body, 'ready\n')
    admin.server.handOver()
    client.write(rest)
    const received = await client.end()
    assert.is(received.match(/\r\n\r\nready\n/g)?.length, answers, received)
    assert.match(received, /\r\nConnection: close\r\n[\s\S]*ready\n$/)
    const refused = await get(`http://127.0.0.1:${admin.port}/ready`).catch(({ code }) => code)
    assert.is(refused, 'ECONNREFUSED')
  })
}

test('a client that has not asked by then has a moment more when the pool has left; one that never asks does not hold it up', async () => {
  using admin = listen()
  using late = await RawClient.connect(admin.port)
  using curious = await RawClient.connect(admin.port)
  using silent = await RawClient.connect(admin.port)
  using idle = await RawClient.connect(admin.port)
  // The connections are accepted in their order, so then the others are, too.
  await idle.write(ASK).until(/ready\n$/)
  admin.server.handOver()
  admin.server.close()
  await idle.end()
  late.write(ASK)
  assert.match(await late.end(), /^HTTP\/1\.1 200 [\s\S]*Connection: close[\s\S]*\r\n\r\nready\n$/)
  curious.write('GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(await curious.end(), /^HTTP\/1\.1 503 [\s\S]*another process serves/)
  assert.is(await silent.end(), '')
})

test.run()
