/** What a connection has waited when it is taken, and what its first request has. */
import { once } from 'node:events'
import { connect, Socket, type TcpSocketConnectOpts } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { acceptConnection, boundAddress, openListener } from '#dist/sys/socket.js'
import { sinceDataMs } from '#dist/sys/tcp-info.js'
import { QueueClock } from '#dist/worker/queue-clock.js'
import { until } from '../support/until.js'

const LIMIT_MS = 10_000

/** Connections of one listener, which are closed at the end. */
class Backlog implements Disposable {
  readonly #listener = openListener(
    { family: 4, host: '127.0.0.1', port: 0 },
    { backlog: 8, ipv6Only: false, reusePort: false },
  )
  readonly #clients: Socket[] = []
  readonly #taken: number[] = []

  async take(bytes: string): Promise<number> {
    const { port } = boundAddress(this.#listener) as TcpSocketConnectOpts
    const client = connect(port, '127.0.0.1')
    this.#clients.push(client)
    await once(client, 'connect')
    let fd = -1
    const accept = (): boolean => {
      fd = acceptConnection(this.#listener)
      return fd >= 0
    }
    await until(accept, LIMIT_MS, 'the connection is in the backlog')
    this.#taken.push(fd)
    if (bytes !== '') {
      client.write(bytes)
      await until(() => sinceDataMs(fd) >= 0, LIMIT_MS, 'its bytes')
    }
    return fd
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.destroy()
    for (const fd of this.#taken) closeDescriptor(fd)
    closeDescriptor(this.#listener)
  }
}

if (process.platform === 'linux') {
  test('the kernel is asked once for those that are taken together and have waited for next to nothing', async () => {
    using backlog = new Backlog()
    const clock = new QueueClock(false)
    const isShared = async (): Promise<boolean> => {
      const one = await backlog.take('a')
      const two = await backlog.take('b')
      const first = clock.wait(one, 0)
      return clock.wait(two, 0) === first && first.isTcp && first.waitedMs >= 0
    }
    await until(isShared, LIMIT_MS, 'two within so short a time')
  })

  test('not for another listener, not behind one that has brought nothing, and never where something hangs on it', async () => {
    using backlog = new Backlog()
    const one = await backlog.take('a')
    const silent = await backlog.take('')
    const clock = new QueueClock(false)
    assert.is.not(clock.wait(one, 0), clock.wait(one, 1))
    assert.is.not(clock.wait(one, -1), clock.wait(one, -1))
    assert.is(clock.wait(silent, 2).waitedMs, -1)
    assert.ok(clock.wait(one, 2).waitedMs >= 0)
    const exact = new QueueClock(true)
    assert.is.not(exact.wait(one, 0), exact.wait(one, 0))
  })

  test('a first request that comes right behind the take has waited for nobody, a later one for as long as its bytes are there', async () => {
    using backlog = new Backlog()
    const clock = new QueueClock(true)
    const socket = new Socket({ fd: await backlog.take('a') })
    try {
      const takenAt = process.hrtime.bigint()
      clock.opened(socket, -1)
      assert.is(clock.requested(socket, false, Number(takenAt) / 1e6), 0)
      await until(() => clock.requested(socket, false, 0) >= 20, LIMIT_MS, 'what the kernel says')
      clock.opened(socket, -1)
      assert.ok(clock.requested(socket, false, Number.MAX_SAFE_INTEGER) >= 20)
    } finally {
      socket.destroy()
    }
  })
}

test.run()
