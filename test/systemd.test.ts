/** Sockets from outside, and what a service tells its manager. */
import { closeSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPool, type Pool, type PoolOptions } from '#dist/index.js'
import type { SocketAddress } from '#dist/sys/sockaddr.js'
import { boundAddress, openListener, openStreamSocket, tryConnect } from '#dist/sys/socket.js'
import { runCli, type StartOptions, startCli } from './support/cli.js'
import { DatagramReceiver } from './support/datagram-receiver.js'
import { get } from './support/http.js'
import { example, fixture } from './support/paths.js'
import { descriptors, send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const handler = fixture('identity')
const size = ['--processes', '1', '--threads', '1']
const plain = { backlog: 16, ipv6Only: false, reusePort: false }

/** What systemd holds: it stays open whatever the service does. */
class OuterSocket implements Disposable {
  readonly fd: number
  readonly address: SocketAddress

  constructor(address: SocketAddress = { family: 4, host: '127.0.0.1', port: 0 }) {
    this.fd = openListener(address, plain)
    const bound = boundAddress(this.fd)
    if (bound === undefined) throw new Error('no address')
    this.address = bound
  }

  get url(): string {
    return this.address.family === 4 ? `http://127.0.0.1:${this.address.port}` : ''
  }

  /** Whether somebody could still connect. */
  get listens(): boolean {
    const fd = openStreamSocket(this.address.family)
    const { address } = this
    // EINPROGRESS (Linux 115, macOS 36) is a connection on its way.
    const result = tryConnect(fd, address)
    closeSync(fd)
    return [0, 115, 36].includes(result)
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

/** The environment and launcher with which systemd starts a service: the pid is known after the fork only. */
function activated(sockets: readonly OuterSocket[], names?: string): StartOptions {
  return {
    inherited: sockets.map(({ fd }) => fd),
    launcher: ['/bin/sh', '-c', 'LISTEN_PID=$$ exec "$0" "$@"'],
    env: {
      LISTEN_FDS: String(sockets.length),
      ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
    },
  }
}

async function environmentOf(url: string): Promise<readonly string[]> {
  const { environment } = JSON.parse((await get(url)).body) as { environment: readonly string[] }
  return environment
}

test('systemd: all sockets that it has passed are served, and stay when the service ends', async () => {
  using folder = tempFolder()
  using first = new OuterSocket()
  using second = new OuterSocket()
  using third = new OuterSocket({ family: 'unix', path: folder.file('app.sock') })
  const sockets = [first, second, third]
  await using program = startCli([handler, '--listen', 'systemd', ...size], activated(sockets))
  const addresses = await program.ready(3)
  assert.equal(addresses, [first.url, second.url, `unix:${folder.file('app.sock')}`])
  for (const { url } of [first, second]) {
    const environment = await environmentOf(url)
    assert.equal(
      environment.filter((name) => name.startsWith('LISTEN_')),
      [],
    )
  }
  const reply = await get('http://localhost/', { socketPath: folder.file('app.sock') })
  assert.is(reply.status, 200)
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.gone()
  // What comes meanwhile waits for the next start.
  for (const socket of sockets) assert.ok(socket.listens)
  await using next = startCli([handler, '--listen', 'systemd', ...size], activated(sockets))
  await next.ready(3)
  assert.is((await get(first.url)).status, 200)
})

test('systemd:NAME takes the sockets of one name, and children get no other', async () => {
  using web = new OuterSocket()
  using other = new OuterSocket()
  using web2 = new OuterSocket()
  await using program = startCli(
    [handler, '--listen', 'systemd:web', ...size, '--accept-mutex', 'flock'],
    activated([web, other, web2], 'web:other:web'),
  )
  assert.equal(await program.ready(2), [web.url, web2.url])
  const sockets = (pid: number) =>
    descriptors(pid)
      .map(({ target }) => target)
      .filter((target) => target.startsWith('socket:'))
  const [child = 0] = program.children()
  const inherited = descriptors(program.pid).filter(({ fd }) => fd >= 3 && fd <= 5)
  const [forWeb = '', forOther = '', forWeb2 = ''] = inherited.map(({ target }) => target)
  const ofChild = sockets(child)
  assert.ok(ofChild.includes(forWeb) && ofChild.includes(forWeb2))
  assert.not(ofChild.includes(forOther))
})

test('several sockets need the accept mutex, as one address for one socket does not', async () => {
  using first = new OuterSocket()
  using second = new OuterSocket()
  const lockFiles = (pid: number) =>
    descriptors(pid).filter(({ target }) => target.startsWith('/memfd:forkthread-accept-')).length
  for (const [sockets, files] of [
    [[first], 0],
    [[first, second], 1],
  ] as const) {
    if (process.platform !== 'linux') return
    await using program = startCli([handler, '--listen', 'systemd', ...size], activated(sockets))
    await program.ready(sockets.length)
    assert.is(lockFiles(program.children()[0] ?? 0), files)
  }
})

test('the units of examples/deploy belong together, and their command serves', async () => {
  const unit = (suffix: string) => readFileSync(example('deploy', `forkthread.${suffix}`), 'utf8')
  const value = (text: string, name: string) =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? ''
  const [command = '', app, ...args] = value(unit('service'), 'ExecStart').split(' ')
  assert.match(command, /^\/.*\/forkthread$/)
  assert.match(app ?? '', /^\/.*\.js$/)
  assert.is(value(unit('service'), 'Type'), 'notify')
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  using socket = new OuterSocket()
  const start = activated([socket], value(unit('socket'), 'FileDescriptorName'))
  await using program = startCli([handler, ...args], {
    ...start,
    env: { ...start.env, NOTIFY_SOCKET: systemd.name },
  })
  await systemd.message(/^READY=1$/m)
  assert.is((await get(socket.url)).status, 200)
  program.send('SIGTERM')
  await systemd.message(/^STOPPING=1$/m)
  assert.equal(await program.exit(), { code: 0, signal: null })
})

test('a new parent takes over the sockets, the pid file and the word', async () => {
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  using web = new OuterSocket()
  using api = new OuterSocket()
  const pidFile = folder.file('pid')
  const start = activated([web, api], 'web:api')
  const flags = ['--listen', 'systemd', ...size, '--canary-time', '100', '--pid-file', pidFile]
  await using program = startCli([handler, ...flags], {
    ...start,
    env: { ...start.env, NOTIFY_SOCKET: systemd.name, WATCHDOG_USEC: '1000000' },
  })
  await program.ready(2)
  program.send('SIGUSR2')
  const [, pid = ''] = (await systemd.message(/^MAINPID=\d+$/m)).match(/^MAINPID=(\d+)$/m) ?? []
  program.adopt(Number(pid))
  assert.equal(await program.exit(), { code: 0, signal: null })
  await until(() => readFileSync(pidFile, 'utf8') === `${pid}\n`, 30_000, 'the pid of the new one')
  assert.equal(
    systemd.messages.filter((text) => text.startsWith('STOPPING')),
    [],
  )
  for (const { url } of [web, api]) assert.is((await get(url)).status, 200)
  // The new one feeds the watchdog.
  const before = systemd.messages.length
  await until(() => systemd.messages.slice(before).includes('WATCHDOG=1'), 30_000, 'a sign of life')
  send(Number(pid), 'SIGTERM')
  await systemd.message(/^STOPPING=1$/m)
  await program.gone()
  assert.not(existsSync(pidFile))
  assert.ok(web.listens && api.listens)
})

test('a new parent that fails leaves the pid file to the old one', async () => {
  using folder = tempFolder()
  const pidFile = folder.file('pid')
  const config = folder.file('config.mjs')
  const write = (app: string) =>
    writeFileSync(
      config,
      `export default ${JSON.stringify({ handler: fixture(app), listen: '127.0.0.1:0', pidFile, processes: 1, threads: 1 })}`,
    )
  write('identity')
  await using program = startCli(['--config', config])
  const [address = ''] = await program.ready()
  write('throws-at-import')
  program.send('SIGUSR2')
  await program.output(/FT_ERR_UPGRADE/, 'stderr')
  assert.is(readFileSync(pidFile, 'utf8'), `${program.pid}\n`)
  assert.is((await get(address)).status, 200)
  const second = await runCli(['--config', config])
  assert.match(second.stderr, `held by process ${program.pid}`)
})

test('fd:N takes any inherited socket', async () => {
  using socket = new OuterSocket()
  await using program = startCli([handler, '--listen', 'fd:3', ...size], {
    inherited: [socket.fd],
  })
  assert.equal(await program.ready(), [socket.url])
  assert.is((await get(socket.url)).status, 200)
})

const refusals: readonly [
  what: string,
  listen: readonly string[],
  options: (socket: OuterSocket) => StartOptions,
  message: RegExp,
][] = [
  ['no variables', ['systemd'], () => ({}), /LISTEN_FDS is not set.*FT_ERR_SYSTEMD_SOCKETS/],
  [
    'sockets for another process',
    ['systemd'],
    (socket) => ({ inherited: [socket.fd], env: { LISTEN_FDS: '1', LISTEN_PID: '1' } }),
    /LISTEN_PID is 1, but this process is \d+.*FT_ERR_SYSTEMD_SOCKETS/,
  ],
  [
    'a name that was not passed',
    ['systemd:api'],
    (socket) => activated([socket], 'web'),
    /systemd:api was given.*there are: web.*FT_ERR_SYSTEMD_SOCKETS/,
  ],
  [
    'more names than sockets',
    ['systemd'],
    (socket) => activated([socket], 'web:api'),
    /LISTEN_FDS is 1, but LISTEN_FDNAMES has 2 names/,
  ],
  [
    'a descriptor that is not open',
    ['fd:99'],
    () => ({}),
    /fd:99 can't be served: descriptor 99: it is not open.*FT_ERR_ADDRESS_INHERITED/,
  ],
  [
    'a descriptor that is no socket',
    ['fd:3'],
    () => ({ inherited: [1] }),
    /descriptor 3: it (is not a socket|does not listen).*FT_ERR_ADDRESS_INHERITED/,
  ],
  [
    'one descriptor twice',
    ['fd:3', 'fd:3'],
    (socket) => ({ inherited: [socket.fd] }),
    /descriptor 3: it is listed twice/,
  ],
]
for (const [what, listen, options, message] of refusals) {
  test(`${what}: the start fails and says so`, async () => {
    using socket = new OuterSocket()
    const flags = listen.flatMap((address) => ['--listen', address])
    const run = await runCli([handler, ...flags, ...size], options(socket))
    assert.is(run.code, 1)
    assert.match(run.stderr, message)
    assert.is(run.stdout, '')
  })
}

/** A pool of this process that a manager with this socket has started. */
async function telling(
  notifySocket: string,
  options: Partial<PoolOptions> = {},
): Promise<AsyncDisposable & { readonly pool: Pool }> {
  process.env.NOTIFY_SOCKET = notifySocket
  const forget = (): void => {
    delete process.env.NOTIFY_SOCKET
  }
  const small = { processes: 1, threads: 1 }
  const pool = await createPool({ handler, listen: '127.0.0.1:0', ...small, ...options }).catch(
    (error: unknown) => {
      forget()
      throw error
    },
  )
  const dispose = (): Promise<void> => pool.close().finally(forget)
  return { pool, [Symbol.asyncDispose]: dispose }
}

for (const family of process.platform === 'linux'
  ? (['unix', 'abstract'] as const)
  : (['unix'] as const)) {
  test(`systemd is told of the start, a reload and the stop (${family})`, async () => {
    using folder = tempFolder()
    using systemd = new DatagramReceiver(
      family === 'unix'
        ? { family, path: folder.file('notify') }
        : { family, name: `forkthread-notify-${process.pid}` },
    )
    await using told = await telling(systemd.name, { canaryTime: 0 })
    const { pool } = told
    assert.equal(systemd.messages, [`READY=1\nSTATUS=Serving on ${pool.address}`])
    assert.not((await environmentOf(pool.address)).includes('NOTIFY_SOCKET'))
    const before = process.hrtime.bigint() / 1000n
    await pool.reload()
    const [, reloading = '', ready = ''] = systemd.messages
    const [, since = ''] =
      reloading.match(/^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=Reloading$/) ?? []
    assert.ok(BigInt(since) >= before)
    assert.ok(BigInt(since) <= process.hrtime.bigint() / 1000n)
    assert.is(ready, `READY=1\nSTATUS=Serving on ${pool.address} (generation 1)`)
    await pool.close()
    assert.equal(systemd.messages.slice(3), ['STOPPING=1\nSTATUS=Finishing the requests in flight'])
  })
}

test('a reload that fails ends with READY, too', async () => {
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  await using told = await telling(systemd.name)
  await told.pool.reload({ handler: fixture('throws-at-import') }).then(
    () => assert.unreachable(),
    () => undefined,
  )
  const [, reloading = '', ready = ''] = systemd.messages
  assert.match(reloading, /^RELOADING=1\n/)
  assert.match(ready, /^READY=1\n/)
})

test('a start that fails says neither READY nor STOPPING; without systemdNotify nothing is said', async () => {
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  const env = { NOTIFY_SOCKET: systemd.name }
  const listen = ['--listen', '127.0.0.1:0']
  const run = await runCli([fixture('throws-at-import'), ...listen, ...size], { env })
  assert.is(run.code, 1)
  await using silent = startCli([handler, ...listen, ...size, '--no-systemd-notify'], { env })
  await silent.ready()
  await silent.close()
  assert.equal(systemd.messages, [])
})

test('a manager that is gone is reported once, and the pool serves', async () => {
  const env = { NOTIFY_SOCKET: '/nowhere/notify' }
  await using program = startCli([handler, '--listen', '127.0.0.1:0', ...size], { env })
  const [address = ''] = await program.ready()
  assert.is((await get(address)).status, 200)
  program.send('SIGTERM')
  await program.exit()
  await program.outputEnd()
  const reports = program.stderr.match(/sendto failed with ENOENT \(\/nowhere\/notify\)/g) ?? []
  assert.is(reports.length, 1, program.stderr)
})

test('the watchdog is fed while some process answers, and not while none does', async () => {
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  const INTERVAL_MS = 1000
  await using program = startCli(
    [handler, '--listen', '127.0.0.1:0', '--processes', '2', '--threads', '1'],
    {
      env: { NOTIFY_SOCKET: systemd.name, WATCHDOG_USEC: String(INTERVAL_MS * 1000) },
    },
  )
  await program.ready()
  const pings = () => systemd.messages.filter((text) => text === 'WATCHDOG=1').length
  const pingsFrom = async (count: number) =>
    await until(() => pings() > count + 1, 30_000, 'more signs of life')
  await pingsFrom(pings())
  const [first = 0, second = 0] = program.children()
  send(first, 'SIGSTOP')
  await pingsFrom(pings() + 2)
  send(second, 'SIGSTOP')
  // Silence for longer than systemd would wait; how soon it begins depends on the machine.
  let last = pings()
  let since = performance.now()
  await until(
    () => {
      const now = pings()
      if (now !== last) since = performance.now()
      last = now
      return performance.now() - since > INTERVAL_MS * 1.5
    },
    30_000,
    'silence',
  )
  send(first, 'SIGCONT')
  await pingsFrom(pings())
  send(second, 'SIGCONT')
})

test('a watchdog that waits for another process is not fed', async () => {
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  await using program = startCli([handler, '--listen', '127.0.0.1:0', ...size], {
    env: { NOTIFY_SOCKET: systemd.name, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' },
  })
  const [address = ''] = await program.ready()
  // Together they take many intervals of the watchdog.
  for (let more = 0; more < 20; more++) await get(address)
  assert.equal(
    systemd.messages.filter((text) => text.startsWith('WATCHDOG')),
    [],
  )
})

test.run()
