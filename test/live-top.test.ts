/** `forkthread top` at a real terminal: it follows its size, obeys its keys, and leaves it as it was, however it ends. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AtTerminal, type TerminalOptions } from './support/at-terminal.js'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { type Serving, serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const LIMIT_MS = 20_000

function servePool(name = 'slow-or-quick'): Promise<Serving> {
  return serve(name, {
    ...{ processes: 2, threads: 2, admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    drainTimeout: 500,
  })
}

let shared: Promise<Serving> | undefined

/** One for all who only look at it. */
function sharedPool(): Promise<Serving> {
  shared ??= servePool()
  return shared
}

test.after(async () => {
  await (await shared)?.pool.close()
})

function openTop(address: string | undefined, options: TerminalOptions = {}): AtTerminal {
  return new AtTerminal(['top', '--admin', String(address).replace('http://', '')], options)
}

/** As it was before, with nothing left on the usual screen but what the shell has printed. */
async function assertLeft(top: AtTerminal, expected: number): Promise<void> {
  const { status, modes } = await top.end()
  const { screen } = top
  assert.is(status, expected)
  assert.not.ok(screen.isAlternate)
  assert.ok(screen.isCursorVisible && screen.wraps)
  for (const mode of ['icanon', 'echo', 'isig'])
    assert.match(modes, new RegExp(`(^|\\s)${mode}\\b`))
  assert.equal([screen.strange, screen.wide], [[], []])
}

testWith(
  'script',
  'it follows the size of the terminal, and shows no escapes of clients',
  async () => {
    await using serving = await servePool('routes')
    const { url, pool } = serving
    await get(`${url}/throw/${encodeURIComponent('\x1b]0;o\x07\u009b2J')}`)
    const waiting = get(`${url}/wait/long`).catch(() => undefined)
    await using top = openTop(pool.adminAddress, { columns: 60, rows: 12 })
    await top.shows(/^ forkthread \d+ .*\n ● Serving: \d of \d threads idle/)
    await top.shows(/^▸ {3}1 .* ready /m)
    await top.shows(/Longest running now\n .* GET \/wait\/long/)
    assert.ok(top.screen.isAlternate && top.screen.hasColours)
    assert.not.ok(top.screen.isCursorVisible)
    top.resize(130, 40)
    await top.shows(/duration .* queue time .* busy [\s\S]*\n.* reload .* processes .* pause/)
    assert.is(top.screen.text.split('\n').length, 40)
    top.resize(200, 40)
    await top.shows(/error .*GET .*: \?\]0;o\?\?2J/)
    top.resize(60, 12)
    await until(() => top.screen.text.split('\n').length === 12, LIMIT_MS, 'twelve lines')
    // What was drawn before it heard of the smaller terminal.
    top.screen.wide.length = 0
    await top.shows(/Longest running now/)
    top.type('?')
    await top.shows(/kill the chosen thread/)
    top.type('q')
    await assertLeft(top, 0)
    await pool.kill()
    await waiting
  },
)

for (const [how, status, act] of [
  ['Ctrl-C', 130, (top: AtTerminal) => top.type('\x03')],
  ['TERM', 143, (top: AtTerminal) => top.send('SIGTERM')],
  ['HUP', 129, (top: AtTerminal) => top.send('SIGHUP')],
] as const) {
  testWith('script', `${how} ends it as any program, and the terminal is as it was`, async () => {
    const serving = await sharedPool()
    await using top = openTop(serving.pool.adminAddress)
    await top.shows(/Serving/)
    act(top)
    await assertLeft(top, status)
  })
}

testWith('script', 'a terminal that goes away takes it along', async () => {
  const serving = await sharedPool()
  await using top = openTop(serving.pool.adminAddress)
  await top.shows(/Serving/)
  const { pid } = top
  top.hangUp()
  await until(() => !isRunning(pid), LIMIT_MS, 'the end')
})

testWith('script', 'what is pasted orders nothing', async () => {
  const serving = await sharedPool()
  await using top = openTop(serving.pool.adminAddress)
  await top.shows(/Serving/)
  top.type('\x1b[200~dyq\x1b[201~s')
  await top.shows(/▾THREADS/)
  assert.is((await get(`${serving.pool.adminAddress}/ready`)).status, 200)
  top.type('q')
  await assertLeft(top, 0)
})

testWith('script', 'while the pool is late to answer it says so, and hears keys', async () => {
  using folder = tempFolder()
  const admin = `unix:${folder.file('admin')}`
  await using program = startCli([
    ...[fixture('slow-or-quick'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
    ...['--admin', admin],
  ])
  await program.ready()
  await using top = new AtTerminal(['top', '--admin', admin], { columns: 60 })
  await top.shows(/Serving/)
  program.send('SIGSTOP')
  await top.shows(/ ● No news: no answer within 5000 ms/)
  top.type('s')
  await top.shows(/▾THREADS/)
  program.send('SIGCONT')
  await top.shows(/Serving/)
  top.type('q')
  await assertLeft(top, 0)
})

testWith('script', 'after an upgrade it goes on with the new parent', async () => {
  using folder = tempFolder()
  const env = { XDG_RUNTIME_DIR: folder.file('') }
  await using program = startCli(
    [fixture('slow-or-quick'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
    { env },
  )
  await program.ready()
  await using top = new AtTerminal(['top'], { env })
  await top.shows(new RegExp(`^ forkthread ${program.pid} `))
  program.send('SIGUSR2')
  const [, pid = ''] = await program.output(/the new parent (\d+) serves/, 'stderr')
  program.adopt(Number(pid))
  await top.shows(new RegExp(`^ forkthread ${pid} .*\n ● Serving`))
  top.type('q')
  await assertLeft(top, 0)
})

testWith('script', 'an exception leaves the terminal as it was, and can be read', async () => {
  const serving = await sharedPool()
  const code = "process.on('SIGUSR2', () => { throw new Error('provoked') })"
  await using top = openTop(serving.pool.adminAddress, {
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` },
  })
  await top.shows(/Serving/)
  top.send('SIGUSR2')
  await assertLeft(top, 1)
  assert.match(top.screen.main, /Error: provoked/)
})

testWith('script', 'Ctrl-Z gives the terminal back for as long as it is stopped', async () => {
  const serving = await sharedPool()
  await using top = openTop(serving.pool.adminAddress)
  await top.shows(/Serving/)
  top.type('\x1a')
  await until(() => top.isStopped && !top.screen.isAlternate, LIMIT_MS, 'a stop')
  top.send('SIGCONT')
  await top.shows(/Serving/)
  top.type('q')
  await assertLeft(top, 0)
})

testWith('script', 'a pool that ends meanwhile ends it, and says so', async () => {
  await using serving = await servePool()
  await using top = openTop(serving.pool.adminAddress)
  await top.shows(/Serving/)
  await serving.pool.close()
  await assertLeft(top, 1)
  assert.match(top.screen.main, /The admin address .*ECONNREFUSED/s)
})

testWith('script', 'orders by keys: drain, undrain, a process more and less, reload', async () => {
  await using serving = await servePool()
  const { pool } = serving
  const ready = async () => (await get(`${pool.adminAddress}/ready`)).status
  await using top = openTop(pool.adminAddress)
  await top.shows(/Serving/)
  top.type('d')
  await top.shows(/y yes {2}n no {2}Drain\?/)
  top.type('n')
  await top.shows(/q quit/)
  assert.is(await ready(), 200)
  top.type('d')
  await top.shows(/Drain\?/)
  top.type('y')
  await top.shows(/Not ready: the pool is draining, by order/)
  assert.is(await ready(), 503)
  top.type('u')
  await top.shows(/ready again/)
  assert.is(await ready(), 200)
  top.type('+')
  await top.shows(/processes 3, /)
  assert.is(pool.sizes.processes.max, 3)
  // It knows of them at its next look.
  await top.shows(/^▸ {3}2 /m)
  top.type('-')
  await top.shows(/Retire a process, so that they are 2\?/)
  top.type('y')
  await until(() => pool.sizes.processes.max === 2, LIMIT_MS, 'two processes')
  top.type('r')
  await top.shows(/Reload: new code/)
  top.type('y')
  await top.shows(/^ reloaded$/m)
  assert.is(pool.stats().generation, 1)
  top.type('q')
  await assertLeft(top, 0)
})

testWith('script', 'a stuck thread is killed by its key, once that is confirmed', async () => {
  await using serving = await servePool()
  await using top = openTop(serving.pool.adminAddress)
  await top.shows(/Serving/)
  const lost = get(`${serving.url}/?ms=60000`).catch(({ code }) => code)
  await top.shows(/Longest running now\n .* GET \/\n/)
  const [, process = ''] = /now\n +\S+ +(\d)\.\d /.exec(top.screen.text) ?? []
  if (process === '1') top.type('\x1b[B')
  top.type('k')
  await top.shows(/y yes {2}n no {2}Kill thread \d\.\d, busy for /)
  top.type('y')
  await top.shows(/the thread has ended, and is replaced/)
  assert.is(await lost, 'ECONNRESET')
  const isCounted = () => serving.pool.stats().totals.threadDeaths === 1
  await until(isCounted, LIMIT_MS, 'its death in the counts')
})

testWith('script', 'an address that takes no orders says why', async () => {
  const serving = await sharedPool()
  await using top = openTop(serving.pool.metricsAddress, { columns: 60, rows: 12 })
  await top.shows(/Serving/)
  top.type('d')
  await top.shows(/Drain\?/)
  top.type('y')
  await top.shows(/405: no\s+orders\s+are\s+taken\s+here/)
  assert.is((await get(`${serving.pool.adminAddress}/ready`)).status, 200)
  top.type('q')
  await assertLeft(top, 0)
})

testWith(
  'script',
  'NO_COLOR is honoured, and a terminal that can do nothing gets the status',
  async () => {
    const serving = await sharedPool()
    const { adminAddress } = serving.pool
    await using grey = openTop(adminAddress, { env: { NO_COLOR: '1' } })
    await grey.shows(/Serving/)
    assert.not.ok(grey.screen.hasColours)
    grey.type('q')
    await assertLeft(grey, 0)
    await using dumb = openTop(adminAddress, { env: { TERM: 'dumb' } })
    const count = () => dumb.screen.main.match(/^forkthread \d+, generation 0/gm)?.length ?? 0
    await until(() => count() >= 2, LIMIT_MS, 'two statuses')
    assert.not.ok(dumb.screen.hasColours)
    dumb.type('\x03')
    await until(() => dumb.pid === 0, LIMIT_MS, 'the end')
  },
)

test.run()
