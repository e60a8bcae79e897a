/** An event loop is called for listeners that it does not know, on every Node: in order, after a shutdown, and with threads that end. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer,
  type Socket,
  type TcpSocketConnectOpts,
} from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { closeDescriptor, duplicate } from '#dist/sys/descriptor.js'
import { Epoll } from '#dist/sys/epoll.js'
import { eventLoopDescriptor, knowsEventLoop } from '#dist/sys/event-loop.js'
import { declare } from '#dist/sys/libc.js'
import { sendBytes } from '#dist/sys/send.js'
import {
  acceptConnection,
  boundAddress,
  openListener,
  openStreamSocket,
  tryConnect,
} from '#dist/sys/socket.js'
import { LoopCall } from '#dist/worker/loop-call.js'
import { fixture } from '../support/paths.js'
import { until } from '../support/until.js'

const SHUT_RDWR = 2
const BYTE = Buffer.from('x')
const shutdown = declare<[number, number]>('int shutdown(int fd, int how)')

/** A listener that this event loop is called for. */
class Watched implements Disposable {
  readonly fd = openListener(
    { family: 4, host: '127.0.0.1', port: 0 },
    { backlog: 64, ipv6Only: false, reusePort: false },
  )
  readonly epoll = new Epoll(duplicate(eventLoopDescriptor()))
  calls = 0
  accepted = 0
  onCall: () => void = () => undefined
  isBroken = false
  #call: LoopCall | undefined
  #isClosed = false

  async watch(): Promise<void> {
    const called = (): void => {
      this.calls++
      for (let fd = acceptConnection(this.fd); fd >= 0; fd = acceptConnection(this.fd)) {
        this.accepted++
        closeDescriptor(fd)
      }
      this.onCall()
    }
    const broken = (): void => {
      // Of one that is closed, the numbers may be another one's by now.
      if (this.#isClosed) return
      this.isBroken = true
      this.epoll.remove(this.fd)
    }
    this.#call = await LoopCall.open(this.epoll, called, broken)
    this.epoll.add(this.fd, true, this.#call.number)
  }

  connect(): Socket {
    const { port } = boundAddress(this.fd) as TcpSocketConnectOpts
    const client = connect(port, '127.0.0.1')
    client.on('error', () => undefined)
    return client
  }

  silence(): void {
    this.#call?.silence()
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    this.epoll.remove(this.fd)
    this.#call?.close()
    closeDescriptor(this.fd)
    closeDescriptor(this.epoll.fd)
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn()
}

if (knowsEventLoop) {
  test('each connection calls, and none does when the listener is watched no longer', async () => {
    using watched = new Watched()
    await watched.watch()
    assert.is(watched.calls, 0)
    for (let count = 1; count <= 5; count++) {
      watched.connect()
      await until(() => watched.accepted === count, 30_000, `connection ${count} has called`)
    }
    watched.epoll.remove(watched.fd)
    const { calls } = watched
    await once(watched.connect(), 'connect')
    await turns(50)
    assert.is(watched.calls, calls)
  })

  test('what came first is heard first', async () => {
    using watched = new Watched()
    await watched.watch()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    // The descriptors of clients are nobody's sockets, so that all is done when a call returns, and this thread hears of nothing meanwhile.
    const connectTo = (port: number): number => {
      const fd = openStreamSocket(4)
      tryConnect(fd, { family: 4, host: '127.0.0.1', port })
      return fd
    }
    const client = connectTo((server.address() as AddressInfo).port)
    const [served] = await once(server, 'connection')
    const { port } = boundAddress(watched.fd) as TcpSocketConnectOpts
    let heard: string[] = []
    watched.onCall = () => void heard.push('call')
    served.on('data', () => heard.push('data'))
    const others: number[] = []
    for (const isCallFirst of [true, false, true, false]) {
      heard = []
      if (!isCallFirst) sendBytes(client, BYTE)
      others.push(connectTo(port))
      if (isCallFirst) sendBytes(client, BYTE)
      await until(() => heard.length === 2, 30_000, 'both are heard')
      assert.equal(heard, isCallFirst ? ['call', 'data'] : ['data', 'call'])
    }
    for (const fd of [client, ...others]) closeDescriptor(fd)
    served.destroy()
    server.close()
  })

  test('a listener that somebody shuts neither ends the process nor calls for ever', async () => {
    using watched = new Watched()
    await watched.watch()
    watched.onCall = () => {
      watched.epoll.remove(watched.fd)
      watched.silence()
    }
    shutdown(watched.fd, SHUT_RDWR)
    await until(() => watched.calls > 0 || watched.isBroken, 30_000, 'the end of it is heard')
    await turns(50)
    const { calls } = watched
    await turns(50)
    assert.is(watched.calls, calls)
  })

  test('threads that are ended while they are called end alone', async () => {
    const script = fixture('ended-loop-calls')
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 120_000 })
    assert.match(stdout, /^every connection was accepted by \d+ calls\n$/)
  })
} else {
  test('skipped, since this system does not tell where event loops sleep', () => undefined)
}

test.run()
