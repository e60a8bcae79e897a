/** Who may connect to unix sockets, and sockets whose name is in no file system. */
import { closeSync, lstatSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants, userInfo } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPool, ForkthreadError, type PoolOptions } from '#dist/index.js'
import { setUnixRights } from '#dist/parent/binding/unix-rights.js'
import type { SocketAddress } from '#dist/sys/sockaddr.js'
import { openListener, openStreamSocket, tryConnect } from '#dist/sys/socket.js'
import { runCli, startCli } from './support/cli.js'
import { raw } from './support/http.js'
import { fixture } from './support/paths.js'
import { NOBODY, testAsRoot } from './support/privileges.js'
import { tempFolder } from './support/temp-folder.js'

const echo = fixture('echo-body')
const onLinux = process.platform === 'linux' ? test : test.skip
const { uid, gid } = userInfo()

async function openPool(path: string, options: Partial<PoolOptions> = {}) {
  return await createPool({
    handler: echo,
    listen: `unix:${path}`,
    processes: 1,
    threads: 1,
    ...options,
  })
}

function rights(path: string): { uid: number; gid: number; mode: number } {
  const stats = lstatSync(path)
  return { uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777 }
}

function attempt(address: SocketAddress): number {
  const fd = openStreamSocket(address.family)
  try {
    return tryConnect(fd, address)
  } finally {
    closeSync(fd)
  }
}

async function failure(start: Promise<unknown>): Promise<ForkthreadError> {
  try {
    await start
  } catch (error) {
    if (error instanceof ForkthreadError) return error
    throw error
  }
  throw new Error('it started')
}

test('a unix path has the mode that was asked for, whatever the umask is', async () => {
  using folder = tempFolder()
  for (const [before, mode] of [
    [0o777, 0o666],
    [0, 0o600],
  ] as const) {
    const restore = process.umask(before)
    try {
      await using _pool = await openPool(folder.file('app.sock'), { socketMode: mode })
      assert.equal(rights(folder.file('app.sock')), { uid, gid, mode })
      // The umask of the program that has the pool is its own affair.
      assert.is(process.umask(before), before)
    } finally {
      process.umask(restore)
    }
  }
})

test('umask is for unix paths, too, unless they have a mode of their own', async () => {
  using folder = tempFolder()
  await using first = await openPool(folder.file('a.sock'), { umask: '027' })
  await using second = await openPool(folder.file('b.sock'), { umask: '027', socketMode: '0606' })
  assert.is(rights(folder.file('a.sock')).mode, 0o750)
  assert.is(rights(folder.file('b.sock')).mode, 0o606)
  assert.equal(
    [first, second].map(({ addresses }) => addresses.length),
    [1, 1],
  )
})

testAsRoot('a unix path has the owner and group that were asked for', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await using _pool = await openPool(path, {
    socketUser: NOBODY,
    socketGroup: 4711,
    socketMode: 0o060,
  })
  assert.equal(rights(path), { uid: NOBODY, gid: 4711, mode: 0o060 })
})

test('between bind and listen, when the rights are set, nobody can connect', () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  const seen: number[] = []
  const options = { backlog: 8, ipv6Only: false, reusePort: false }
  const look = (): void => {
    seen.push(attempt({ family: 'unix', path }))
    setUnixRights(path, { mode: 0o600 })
    seen.push(attempt({ family: 'unix', path }))
  }
  const fd = openListener({ family: 'unix', path }, options, look)
  seen.push(attempt({ family: 'unix', path }))
  closeSync(fd)
  assert.equal(seen, [constants.errno.ECONNREFUSED, constants.errno.ECONNREFUSED, 0])
})

test('rights that can not be given make the start fail, and leave no path', async () => {
  using folder = tempFolder()
  const start = openPool(folder.file('app.sock'), { socketUser: 'no-such-user' })
  assert.match(
    (await failure(start)).message,
    "socketUser: 'no-such-user' was given, but there is no",
  )
  if (uid !== 0) {
    const denied = await failure(openPool(folder.file('app.sock'), { socketUser: 0 }))
    assert.is(denied.code, 'FT_ERR_SOCKET_RIGHTS')
    assert.match(denied.message, 'EPERM')
  }
  assert.equal(readdirSync(folder.path), [])
})

testAsRoot('what took the place of the path before it got its rights is left alone', async () => {
  using folder = tempFolder()
  const precious = folder.file('precious')
  writeFileSync(precious, '', { mode: 0o600 })
  const path = folder.file('app.sock')
  symlinkSync(precious, path)
  assert.throws(() => setUnixRights(path, { mode: 0o666, uid: NOBODY }), /ELOOP|ENOTSOCK/)
  renameSync(precious, path)
  assert.throws(() => setUnixRights(path, { mode: 0o666, uid: NOBODY }), /ENOTSOCK/)
  assert.equal(rights(path), { uid: 0, gid: 0, mode: 0o600 })
})

onLinux('an abstract name is served, leaves no file, and is free afterwards', async () => {
  using folder = tempFolder()
  const name = `forkthread-test-${process.pid}`
  const args = [echo, '--listen', `unix:@${name}`, '--processes', '1', '--threads', '1']
  await using program = startCli(args, { cwd: folder.path })
  assert.equal(await program.ready(), [`unix:@${name}`])
  assert.equal(readdirSync(folder.path), [])
  assert.is(attempt({ family: 'abstract', name }), 0)
  const second = await runCli(args)
  assert.is(second.code, 1)
  assert.match(second.stderr, `unix:@${name} is in use`)
  await program.close()
  assert.is(attempt({ family: 'abstract', name }), constants.errno.ECONNREFUSED)
})

onLinux('an abstract name may have 107 bytes, and a Node client finds it then', async () => {
  const name = `forkthread-${process.pid}-`.padEnd(107, 'x')
  await using pool = await createPool({
    handler: echo,
    listen: `unix:@${name}`,
    processes: 1,
    threads: 1,
  })
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  assert.match(String(await raw(`\0${name}`, request)), /^HTTP\/1\.1 200 OK\r\n/)
  assert.is(pool.address, `unix:@${name}`)
  const start = createPool({ handler: echo, listen: `unix:@${name}x`, processes: 1, threads: 1 })
  assert.match((await failure(start)).message, 'it has 108 bytes')
})

test.run()
