/** Where a pool can listen, where it can't, and that it leaves nothing behind in either case. */
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type ListenOptions, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { basename } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPool, type ErrorCode, ForkthreadError, type PoolOptions } from '#dist/index.js'
import { Flock } from '#dist/sys/file-lock.js'
import { runCli, startCli } from './support/cli.js'
import { connectedSockets } from './support/connected-sockets.js'
import { get, portOf } from './support/http.js'
import { openRequest } from './support/open-request.js'
import { fixture } from './support/paths.js'
import { children, descriptors } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'

type Listen = NonNullable<PoolOptions['listen']>

const echo = fixture('echo-body')
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)
const testIpv6 = hasIpv6 ? test : test.skip
const isRoot = process.getuid?.() === 0
/** For the command: whoever runs the tests, it runs as a user who may do little. */
const asNobody = isRoot
  ? ['--import', 'data:text/javascript,process.setgid(65534);process.setuid(65534)']
  : []

// Lock folders go here, so that a test can see them come and go.
const temporary = tempFolder()
process.env.TMPDIR = temporary.path
test.after(() => temporary[Symbol.dispose]())

const lockFolders = (): string[] =>
  readdirSync(temporary.path).filter((name) => name.startsWith('forkthread-'))

async function openPool(listen: Listen, more: Partial<PoolOptions> = {}) {
  return await createPool({ handler: echo, listen, processes: 1, threads: 1, ...more })
}

/** What this process holds; a failed start has to give all of it back. */
function held() {
  const sockets = descriptors(process.pid).filter(({ target }) => target.startsWith('socket:'))
  return { sockets: sockets.length, children: children(process.pid), lockFolders: lockFolders() }
}

/** Starts a pool that must not start, and checks the error's code and that nothing was left half-started. */
async function failure(listen: Listen, code: ErrorCode): Promise<ForkthreadError> {
  const before = held()
  let thrown: unknown
  try {
    await using _pool = await openPool(listen)
  } catch (error) {
    thrown = error
  }
  if (!(thrown instanceof ForkthreadError)) throw new Error('no error of ours', { cause: thrown })
  assert.is(thrown.code, code, thrown.message)
  assert.equal(held(), before)
  return thrown
}

/** Some other program's server. */
async function otherServer(options: ListenOptions): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => socket.end('other\n'))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, resolve)
  })
  return server
}

/** A socket file whose server is gone. */
async function leaveStaleSocket(path: string): Promise<void> {
  await using _server = await otherServer({ path: `${path}.live` })
  // The server removes the name it knows; this one stays.
  linkSync(`${path}.live`, path)
}

async function answers(address: string): Promise<void> {
  const reply = address.startsWith('unix:')
    ? await get('http://localhost/', { socketPath: address.slice('unix:'.length) })
    : await get(address)
  assert.is(reply.status, 200)
}

async function refuses(url: string, socketPath?: string): Promise<void> {
  try {
    await get(url, socketPath === undefined ? {} : { socketPath })
  } catch (error) {
    assert.ok(['ECONNREFUSED', 'ENOENT'].includes(String((error as NodeJS.ErrnoException).code)))
    return
  }
  throw new Error(`${socketPath ?? url} still answers`)
}

test('an IPv4 address with port 0 gets a free port, in address and stats() alike', async () => {
  await using pool = await openPool('127.0.0.1:0')
  assert.match(pool.address, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  assert.equal(pool.addresses, [pool.address])
  const [listener] = pool.stats().listeners
  assert.is(listener?.address, pool.address)
  assert.equal(listener?.backlog, { length: 0, limit: 1024 })
  await answers(pool.address)
})

testIpv6('an IPv6 address serves IPv6', async () => {
  await using pool = await openPool('[::1]:0')
  assert.match(pool.address, /^http:\/\/\[::1\]:[1-9]\d*$/)
  await answers(pool.address)
})

testIpv6('a port alone serves IPv6 and IPv4', async () => {
  await using pool = await openPool(0)
  assert.match(pool.address, /^http:\/\/\[::\]:[1-9]\d*$/)
  await answers(`http://127.0.0.1:${portOf(pool.address)}`)
  await answers(`http://[::1]:${portOf(pool.address)}`)
})

testIpv6('ipv6Only leaves IPv4 out', async () => {
  await using pool = await openPool(0, { ipv6Only: true })
  await answers(`http://[::1]:${portOf(pool.address)}`)
  await refuses(`http://127.0.0.1:${portOf(pool.address)}`)
})

test('a host name is resolved', async () => {
  await using pool = await openPool('localhost:0')
  assert.match(pool.address, /^http:\/\/(127\.0\.0\.1|\[::1\]):[1-9]\d*$/)
  await answers(pool.address)
  await answers(`http://localhost:${portOf(pool.address)}`)
})

test('several listeners serve at once, and are named in the order given', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await using pool = await openPool(['127.0.0.1:0', `unix:${path}`, '0.0.0.0:0'])
  const [first = '', second, third = ''] = pool.addresses
  assert.match(first, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.is(second, `unix:${path}`)
  assert.match(third, /^http:\/\/0\.0\.0\.0:\d+$/)
  assert.equal(
    pool.stats().listeners.map(({ address }) => address),
    pool.addresses,
  )
  await Promise.all(pool.addresses.map(answers))
})

test('after close() the ports refuse, and the unix path and the lock folder are gone', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  const before = held()
  const pool = await openPool(['127.0.0.1:0', `unix:${path}`])
  const { address } = pool
  await Promise.all(pool.addresses.map(answers))
  await pool.close()
  await refuses(address)
  await refuses('http://localhost', path)
  assert.equal(readdirSync(folder.path), [])
  assert.equal(held(), before)
})

test('the parent never accepts: under load its children have connections, and it has none', async () => {
  await using program = startCli([echo, '--listen', '127.0.0.1:0', '--processes', '2'])
  const [address = ''] = await program.ready()
  const socketsOfParent = () =>
    descriptors(program.pid).filter(({ target }) => target.startsWith('socket:')).length
  const atFirst = socketsOfParent()
  const held = await Promise.all(Array.from({ length: 8 }, () => openRequest(address)))
  for (let round = 0; round < 20; round++) {
    const load = Array.from({ length: 10 }, () => get(address))
    assert.is(socketsOfParent(), atFirst)
    for (const { status } of await Promise.all(load)) assert.is(status, 200)
  }
  const [inParent, ...inChildren] = connectedSockets([program.pid, ...program.children()])
  assert.is(inParent, 0)
  // Those of the load may be counted, too, if the last FIN is still on its way.
  assert.ok(inChildren.reduce((sum, count) => sum + count, 0) >= held.length)
  await Promise.all(held.map((request) => request.finish()))
})

test('a port in use is an error, and what was bound before it is given back', async () => {
  using folder = tempFolder()
  await using other = await otherServer({ host: '127.0.0.1', port: 0 })
  const { port } = other.address() as { port: number }
  const path = folder.file('app.sock')
  const error = await failure(
    [`unix:${path}`, '127.0.0.1:0', `127.0.0.1:${port}`],
    'FT_ERR_ADDRESS_IN_USE',
  )
  assert.match(error.message, `127.0.0.1:${port} is in use`)
  assert.equal(readdirSync(folder.path), [])
  // A port alone would take the other server's address, too.
  await failure(port, 'FT_ERR_ADDRESS_IN_USE')
})

test('with reusePort two pools share a port, and one without it stays out', async () => {
  await using first = await openPool('127.0.0.1:0', { reusePort: true })
  const address = `127.0.0.1:${portOf(first.address)}`
  await using second = await openPool(address, { reusePort: true })
  assert.is(second.address, first.address)
  await answers(first.address)
  await failure(address, 'FT_ERR_ADDRESS_IN_USE')
})

test('a second pool with the same pid file does not start, nor does it bind anything', async () => {
  using folder = tempFolder()
  const pidFile = folder.file('pid')
  const path = folder.file('app.sock')
  const args = [echo, '--processes', '1', '--threads', '1', '--pid-file', pidFile]
  await using program = startCli([...args, '--listen', '127.0.0.1:0'])
  await program.ready()
  assert.is(readFileSync(pidFile, 'utf8'), `${program.pid}\n`)
  const second = await runCli([...args, '--listen', `unix:${path}`])
  assert.is(second.code, 1)
  assert.match(second.stderr, `${pidFile} is held by process ${program.pid}, which runs`)
  assert.equal(readdirSync(folder.path), ['pid'])
  // Stale: what was killed has left it behind.
  program.sendToGroup('SIGKILL')
  await program.gone()
  assert.equal(readdirSync(folder.path), ['pid'])
  await using next = startCli([...args, '--listen', '127.0.0.1:0'])
  await next.ready()
  assert.is(readFileSync(pidFile, 'utf8'), `${next.pid}\n`)
  next.send('SIGTERM')
  await next.exit()
  assert.equal(readdirSync(folder.path), [])
})

test('a start that fails leaves no pid file', async () => {
  using folder = tempFolder()
  const failing = { handler: fixture('throws-at-import'), pidFile: folder.file('pid') }
  await openPool('127.0.0.1:0', failing).then(
    () => assert.unreachable(),
    () => undefined,
  )
  assert.equal(readdirSync(folder.path), [])
})

test('what a parent has left open for every program does not reach its children', async () => {
  if (process.platform !== 'linux') return
  const args = [echo, '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1']
  await using program = startCli(args, { execArgv: ['--import', fixture('leaks-descriptor')] })
  await program.ready()
  const isLeaked = (pid: number) => descriptors(pid).some(({ target }) => target === '/dev/zero')
  assert.ok(isLeaked(program.pid))
  assert.equal(program.children().map(isLeaked), [false])
})

test('one address given twice is in use', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await failure([`unix:${path}`, `unix:${path}`], 'FT_ERR_ADDRESS_IN_USE')
  assert.equal(readdirSync(folder.path), [])
})

test('an address of another machine is not local', async () => {
  const error = await failure('192.0.2.1:0', 'FT_ERR_ADDRESS_NOT_LOCAL')
  assert.match(error.message, '192.0.2.1:0 is not an address of this machine')
})

test('a bad address is an error before anything is bound', async () => {
  using folder = tempFolder()
  const error = await failure([`unix:${folder.file('app.sock')}`, 'nonsense'], 'FT_ERR_ADDRESS')
  assert.match(error.message, "'nonsense' is not an address")
  assert.equal(readdirSync(folder.path), [])
})

test('a host name that does not resolve is an error', async () => {
  const error = await failure(['127.0.0.1:0', 'no-such-host.invalid:0'], 'FT_ERR_HOST_NOT_FOUND')
  assert.match(error.message, "'no-such-host.invalid' does not resolve")
})

test('a handler that fails gives everything back', async () => {
  using folder = tempFolder()
  const before = held()
  const listen = ['127.0.0.1:0', `unix:${folder.file('app.sock')}`]
  try {
    await using _pool = await openPool(listen, { handler: fixture('throws-at-import') })
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, 'no luck at import')
  }
  assert.equal(readdirSync(folder.path), [])
  assert.equal(held(), before)
})

test('a unix path in a folder that is missing, or is none, is an error', async () => {
  using folder = tempFolder()
  const file = folder.file('file')
  writeFileSync(file, '')
  const missing = await failure(`unix:${folder.file('missing/app.sock')}`, 'FT_ERR_SOCKET_PATH')
  assert.match(missing.message, "its folder can't be opened (ENOENT)")
  const wrong = await failure(`unix:${file}/app.sock`, 'FT_ERR_SOCKET_PATH')
  assert.match(wrong.message, "its folder can't be opened (ENOTDIR)")
})

test('a unix path in a folder that another program has locked is waited for, but not for ever', async () => {
  using folder = tempFolder()
  const descriptor = openSync(folder.path, 'r')
  const holder = new Flock(descriptor)
  try {
    holder.lock()
    const error = await failure(`unix:${folder.file('app.sock')}`, 'FT_ERR_SOCKET_PATH')
    assert.match(error.message, 'another program has held a lock')
    const starting = openPool(`unix:${folder.file('app.sock')}`)
    holder.unlock()
    await using pool = await starting
    await answers(pool.address)
  } finally {
    closeSync(descriptor)
  }
})

test('a unix path in a folder without the right to write is denied', async () => {
  // The one folder that is nobody's on every machine.
  const run = await runCli([echo, '--listen', 'unix:/app.sock'], { execArgv: asNobody })
  assert.is(run.code, 1)
  assert.match(run.stderr, 'unix:/app.sock may not be bound by this user')
  assert.match(run.stderr, '[FT_ERR_ADDRESS_DENIED]')
})

const portIsPrivileged =
  process.platform === 'linux' &&
  Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) > 1
const testPrivileged = portIsPrivileged ? test : test.skip
testPrivileged('a privileged port is denied', async () => {
  const run = await runCli([echo, '--listen', '127.0.0.1:1'], { execArgv: asNobody })
  assert.is(run.code, 1)
  assert.match(run.stderr, '127.0.0.1:1 may not be bound by this user')
  assert.match(run.stderr, '[FT_ERR_ADDRESS_DENIED]')
})

test('a unix path may have 107 bytes, and not one more', async () => {
  using folder = tempFolder()
  const longest = folder.file('x'.repeat(107 - folder.path.length - 1))
  assert.is(longest.length, 107)
  {
    await using pool = await openPool(`unix:${longest}`)
    assert.is(pool.address, `unix:${longest}`)
    await answers(pool.address)
  }
  const error = await failure(`unix:${longest}x`, 'FT_ERR_SOCKET_PATH')
  assert.match(error.message, 'it has 108 bytes')
  // Bytes count, not letters.
  await failure(`unix:${folder.file('ä'.repeat(54))}`, 'FT_ERR_SOCKET_PATH')
  assert.equal(readdirSync(folder.path), [])
})

test('a live unix path is never replaced', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await using _other = await otherServer({ path })
  const { ino } = lstatSync(path)
  const error = await failure(`unix:${path}`, 'FT_ERR_ADDRESS_IN_USE')
  assert.match(error.message, `unix:${path} is in use`)
  assert.is(lstatSync(path).ino, ino)
})

test('a stale unix path is replaced', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await leaveStaleSocket(path)
  assert.ok(lstatSync(path).isSocket())
  {
    await using pool = await openPool(`unix:${path}`)
    await answers(pool.address)
  }
  assert.equal(readdirSync(folder.path), [])
})

test('the unix path of a pool that was killed is replaced', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  const args = [echo, '--listen', `unix:${path}`, '--processes', '1']
  await using killed = startCli(args)
  await killed.ready()
  killed.sendToGroup('SIGKILL')
  await killed.gone()
  assert.ok(lstatSync(path).isSocket())
  await using next = startCli(args)
  const [address = ''] = await next.ready()
  await answers(address)
})

for (const [kind, make] of [
  ['file', (path: string) => writeFileSync(path, 'precious')],
  ['folder', (path: string) => mkdirSync(path)],
  ['link', (path: string) => symlinkSync('elsewhere', path)],
] as const) {
  test(`a ${kind} at the unix path is never touched`, async () => {
    using folder = tempFolder()
    const path = folder.file('app.sock')
    make(path)
    const { ino } = lstatSync(path)
    const error = await failure(`unix:${path}`, 'FT_ERR_SOCKET_PATH')
    assert.match(error.message, 'it is not a socket')
    assert.is(lstatSync(path).ino, ino)
    if (kind === 'file') assert.is(readFileSync(path, 'utf8'), 'precious')
    assert.equal(readdirSync(folder.path), [basename(path)])
  })
}

test('close() leaves a file alone that took the place of the unix path', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  const pool = await openPool(`unix:${path}`)
  // The new file first, so that it can't get the inode number of the socket.
  writeFileSync(folder.file('new'), 'precious')
  renameSync(folder.file('new'), path)
  await pool.close()
  assert.is(readFileSync(path, 'utf8'), 'precious')
})

test('of pools that race for one stale unix path exactly one wins', async () => {
  using folder = tempFolder()
  const path = folder.file('app.sock')
  await leaveStaleSocket(path)
  const args = [echo, '--listen', `unix:${path}`, '--processes', '1', '--threads', '1']
  const racers = [startCli(args), startCli(args), startCli(args)] as const
  await using _first = racers[0]
  await using _second = racers[1]
  await using _third = racers[2]
  const outcomes = await Promise.all(
    racers.map(async (racer) => {
      const lost = racer.exit().then(() => false)
      // A loser never prints its ready line; that it ends is all there is to learn.
      const won = racer.ready().then(
        () => true,
        () => lost,
      )
      return await Promise.race([won, lost])
    }),
  )
  assert.is(outcomes.filter((won) => won).length, 1)
  for (const [index, racer] of racers.entries()) {
    if (outcomes[index]) continue
    assert.equal(await racer.exit(), { code: 1, signal: null })
    assert.match(racer.stderr, '[FT_ERR_ADDRESS_IN_USE]')
  }
  await answers(`unix:${path}`)
})

test.run()
