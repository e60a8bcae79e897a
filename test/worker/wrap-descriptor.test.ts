/** Descriptors of each kind become sockets of this Node, whichever way it is told what they are. */
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { connect, Socket, type TcpSocketConnectOpts } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import type { SocketAddress } from '#dist/sys/sockaddr.js'
import { acceptConnection, boundAddress, openListener } from '#dist/sys/socket.js'
import { NO_TCP, sinceDataMs } from '#dist/sys/tcp-info.js'
import { wrapDescriptor } from '#dist/worker/wrap-descriptor.js'
import { tempFolder } from '../support/temp-folder.js'
import { until } from '../support/until.js'

const LOOPBACK: SocketAddress = { family: 4, host: '127.0.0.1', port: 0 }

/** An accepted descriptor and the client at its other end. */
async function accepted(listener: number): Promise<{ fd: number; client: Socket }> {
  const address = boundAddress(listener)
  const to =
    address?.family === 'unix'
      ? { path: address.path }
      : { host: '127.0.0.1', port: (address as TcpSocketConnectOpts).port }
  const client = connect(to)
  await once(client, 'connect')
  let fd = -1
  const accept = (): boolean => {
    fd = acceptConnection(listener)
    return fd >= 0
  }
  await until(accept, 30_000, 'the connection is in the backlog')
  return { fd, client }
}

function listen(address: SocketAddress): number {
  return openListener(address, { backlog: 8, ipv6Only: false, reusePort: false })
}

/** What arrives at each end of what the other one says. */
async function talk(socket: Socket, client: Socket): Promise<string> {
  client.write('to the server')
  const [heard] = await once(socket, 'data')
  socket.end('to the client')
  const [answered] = await once(client, 'data')
  client.end()
  await Promise.all([once(socket, 'close'), once(client, 'close')])
  return `${heard}, ${answered}`
}

const handleName = (socket: Socket | undefined): string | undefined =>
  (socket as unknown as { _handle?: object } | undefined)?._handle?.constructor.name

test('TCP connections: the first one, by which the way is learned, and those after it', async () => {
  const listener = listen(LOOPBACK)
  for (let turn = 0; turn < 3; turn++) {
    const { fd, client } = await accepted(listener)
    assert.is.not(sinceDataMs(fd), NO_TCP)
    const socket = wrapDescriptor(fd, true, { allowHalfOpen: true })
    assert.instance(socket, Socket)
    assert.is(socket?.allowHalfOpen, true)
    assert.is(socket?.remotePort, client.localPort)
    assert.is(handleName(socket), 'TCP')
    if (socket !== undefined) assert.is(await talk(socket, client), 'to the server, to the client')
  }
  closeDescriptor(listener)
})

test('a unix socket is found out; what is certain is not asked again', async () => {
  using folder = tempFolder()
  const listener = listen({ family: 'unix', path: join(folder.path, 'socket') })
  const { fd, client } = await accepted(listener)
  assert.is(sinceDataMs(fd), NO_TCP)
  const socket = wrapDescriptor(fd, false, {})
  assert.is(handleName(socket), 'Pipe')
  if (socket !== undefined) assert.is(await talk(socket, client), 'to the server, to the client')

  const other = await accepted(listener)
  // Nobody says this of a unix socket, but it shows that TCP does not cost the questions.
  const mistaken = wrapDescriptor(other.fd, true, {})
  assert.is(handleName(mistaken), 'TCP')
  mistaken?.destroy()
  await once(other.client.resume(), 'close')
  closeDescriptor(listener)
})

test('what can be no socket is closed, either way', async () => {
  const fd = openSync('/dev/null', 'r')
  assert.is(wrapDescriptor(fd, false, {}), undefined)
  assert.is(openSync('/dev/null', 'r'), fd, 'the number is free again')
  closeDescriptor(fd)
  const listener = listen(LOOPBACK)
  const { fd: refused, client } = await accepted(listener)
  const ended = once(client.resume(), 'close')
  const nonsense: object = { readableHighWaterMark: Number.NaN }
  assert.is(wrapDescriptor(refused, true, nonsense), undefined)
  await ended
  closeDescriptor(listener)
})

test.run()
