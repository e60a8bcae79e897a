/** Listeners made of sockets that listen already. */
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Listener } from '#dist/parent/binding/listener.js'
import { ForkthreadError } from '#dist/shared/errors.js'
import type { SocketAddress } from '#dist/sys/sockaddr.js'
import { openListener, openStreamSocket, tryConnect } from '#dist/sys/socket.js'
import { tempFolder } from '../support/temp-folder.js'

const plain = { backlog: 8, ipv6Only: false, reusePort: false }
const localhost = { family: 4, host: '127.0.0.1', port: 0 } as const
const onLinux = process.platform === 'linux' ? test : test.skip

function refusal(fd: number): ForkthreadError {
  try {
    Listener.adopt(fd, { origin: `fd:${fd}`, owner: 'outside' }).close()
  } catch (error) {
    if (error instanceof ForkthreadError) return error
    throw error
  }
  throw new Error('was adopted')
}

/** The flags of a descriptor as the kernel shows them, in octal. */
function flags(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(text)?.[1] ?? '', 8)
}

/** By libc: Node 20 takes an abstract name for one of 107 bytes, with zeros at its end. */
function connects(address: SocketAddress): void {
  const fd = openStreamSocket(address.family)
  assert.is(tryConnect(fd, address), 0)
  closeSync(fd)
}

test('a TCP socket is adopted with its address, and closed with the listener', () => {
  const fd = openListener(localhost, plain)
  const listener = Listener.adopt(fd, { origin: `fd:${fd}`, owner: 'outside' })
  assert.is(listener.fd, fd)
  assert.match(listener.name('http'), /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  assert.match(listener.name('raw'), /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/)
  listener.close()
  assert.match(refusal(fd).message, `fd:${fd} can't be served: descriptor ${fd}: it is not open`)
})

onLinux('its queue keeps its length, unless another one is asked for', () => {
  const fd = openListener(localhost, plain)
  const kept = Listener.adopt(fd, { origin: 'fd', owner: 'outside' })
  assert.equal(kept.backlog, { length: 0, limit: 8 })
  const changed = Listener.adopt(fd, { origin: 'fd', backlog: 5, owner: 'outside' })
  assert.equal(changed.backlog, { length: 0, limit: 5 })
  changed.close()
})

onLinux('it does not block, and a program that is started does not get it', () => {
  const fd = openListener(localhost, plain)
  const listener = Listener.adopt(fd, { origin: 'fd', owner: 'outside' })
  const O_NONBLOCK = 0o4000
  const O_CLOEXEC = 0o2000000
  assert.is(flags(fd) & (O_NONBLOCK | O_CLOEXEC), O_NONBLOCK | O_CLOEXEC)
  listener.close()
})

test('a unix path goes when the listener closes only if the pool owns it', () => {
  using folder = tempFolder()
  const cases = [
    { owner: 'outside', change: () => undefined, isLeft: true },
    { owner: 'outside', change: (listener: Listener) => listener.claim(), isLeft: true },
    { owner: 'predecessor', change: () => undefined, isLeft: true },
    { owner: 'predecessor', change: (listener: Listener) => listener.claim(), isLeft: false },
    {
      owner: 'predecessor',
      change: (listener: Listener) => {
        listener.claim()
        listener.leave()
      },
      isLeft: true,
    },
  ] as const
  for (const [index, { owner, change, isLeft }] of cases.entries()) {
    const path = folder.file(`path-${index}`)
    const fd = openListener({ family: 'unix', path }, plain)
    const listener = Listener.adopt(fd, { origin: 'fd', owner })
    assert.is(listener.name('http'), `unix:${path}`)
    connects({ family: 'unix', path })
    change(listener)
    listener.close()
    assert.is(existsSync(path), isLeft, `${index}`)
  }
})

onLinux('an abstract name is known', () => {
  const name = `forkthread-test-${process.pid}`
  const listener = Listener.adopt(openListener({ family: 'abstract', name }, plain), {
    origin: 'fd',
    owner: 'predecessor',
  })
  assert.is(listener.name('http'), `unix:@${name}`)
  connects({ family: 'abstract', name })
  listener.close()
})

test('what is no listening stream socket is refused, and stays open', () => {
  using folder = tempFolder()
  const file = openSync(folder.file('file'), 'w')
  const socket = openStreamSocket(4)
  try {
    const error = refusal(file)
    assert.is(error.code, 'FT_ERR_ADDRESS_INHERITED')
    assert.match(error.message, 'it is not a socket')
    assert.match(refusal(socket).message, 'it does not listen')
  } finally {
    closeSync(file)
    closeSync(socket)
  }
})

test.run()
