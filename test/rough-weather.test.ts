/** What a machine does to a pool on a bad day, and that it serves when the day is over. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from './support/cli.js'
import { fullDisk } from './support/full-disk.js'
import { get } from './support/http.js'
import { memoryCgroup } from './support/memory-cgroup.js'
import { openRequest } from './support/open-request.js'
import { fixture } from './support/paths.js'
import { children, isStopped } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const LIMIT_MS = 60_000
/** Longer than any patience with one that is silent. */
const STOPPED_MS = 12_000
/** Enough for a pool of two, and not for one of its handlers. */
const CGROUP_BYTES = 500 * 2 ** 20

test('everything is stopped for a while, and continued: nobody takes another one for dead', async () => {
  const sizes = ['--processes', '2', '--threads', '2', '--blocked-timeout', '2000']
  await using program = startCli([fixture('echo-body'), '--listen', '127.0.0.1:0', ...sizes])
  const [url = ''] = await program.ready()
  const before = children(program.pid)
  const slow = await openRequest(url)
  program.sendToGroup('SIGSTOP')
  await until(() => [program.pid, ...before].every(isStopped), LIMIT_MS, 'all stopped')
  const waiting = get(url, { method: 'POST', body: 'late', timeoutMs: LIMIT_MS })
  await sleep(STOPPED_MS)
  program.sendToGroup('SIGCONT')
  assert.is((await waiting).body, 'late')
  assert.equal(await slow.finish(), { status: 200, body: 'begun, finished' })
  assert.equal(children(program.pid), before)
  assert.not.match(program.stderr, /FT_ERR/)
})

test('a handler that blocks while everything is stopped is not taken for stuck', async () => {
  using folder = tempFolder()
  // In slices, which do not count what they sleep through.
  writeFileSync(
    folder.file('app.mjs'),
    `import { writeFileSync } from 'node:fs'
     const cell = new Int32Array(new SharedArrayBuffer(4))
     export default (req, res) => {
       writeFileSync(${JSON.stringify(folder.file('begun'))}, '')
       for (let slice = 0; slice < 25; slice++) Atomics.wait(cell, 0, 0, 100)
       res.end('done')
     }`,
  )
  const sizes = ['--processes', '1', '--threads', '1', '--blocked-timeout', '5000']
  await using program = startCli([folder.file('app.mjs'), '--listen', '127.0.0.1:0', ...sizes])
  const [url = ''] = await program.ready()
  const [child = 0] = children(program.pid)
  const waiting = get(url, { timeoutMs: LIMIT_MS })
  await until(() => existsSync(folder.file('begun')), LIMIT_MS, 'the handler')
  // The main thread has asked by now whether the loop turns.
  await sleep(1500)
  program.sendToGroup('SIGSTOP')
  await until(() => [program.pid, child].every(isStopped), LIMIT_MS, 'all stopped')
  await sleep(STOPPED_MS)
  program.sendToGroup('SIGCONT')
  assert.is((await waiting).body, 'done')
  assert.not.match(program.stderr, /FT_ERR/)
})

test('32 threads start at once', async () => {
  const sizes = ['--processes', '1', '--threads', '32', '--start-timeout', '60000']
  await using program = startCli([fixture('http'), '--listen', '127.0.0.1:0', ...sizes])
  const addresses = () => /^listening on (.+)\n/m.exec(program.stdout)?.[1]
  const url = await until(addresses, LIMIT_MS, 'ready')
  const replies = await Promise.all(Array.from({ length: 64 }, () => get(url)))
  for (const { status } of replies) assert.is(status, 200)
  assert.not.match(program.stderr, /FT_ERR/)
})

test('a preload that changes http and listens to TERM: the pool still stops as it does', async () => {
  using folder = tempFolder()
  const file = folder.file('preload.cjs')
  writeFileSync(
    file,
    `const http = require('node:http')
     const { end } = http.ServerResponse.prototype
     http.ServerResponse.prototype.end = function (...args) { return end.apply(this, args) }
     const { emit } = http.Server.prototype
     http.Server.prototype.emit = function (...args) { return emit.apply(this, args) }
     process.on('SIGTERM', () => {})`,
  )
  const args = [
    fixture('echo-body'),
    '--listen',
    '127.0.0.1:0',
    '--processes',
    '2',
    '--threads',
    '1',
  ]
  const env = { NODE_OPTIONS: `--require=${file}` }
  await using program = startCli(args, { env })
  const [url = ''] = await program.ready()
  const slow = await openRequest(url)
  program.send('SIGTERM')
  await program.output(/SIGTERM: finishing/, 'stderr')
  assert.equal(await slow.finish(), { status: 200, body: 'begun, finished' })
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.gone()
})

test("a cgroup's memory is used up: the kernel ends a child, it is replaced, and the pool serves on", async () => {
  await using group = memoryCgroup(CGROUP_BYTES)
  if (group === undefined) {
    console.log('skipped: "a cgroup\'s memory": this user can make no cgroup with a limit')
    return
  }
  const sizes = ['--processes', '2', '--threads', '1']
  const { launcher } = group
  await using program = startCli([fixture('eats'), '--listen', '127.0.0.1:0', ...sizes], {
    launcher,
  })
  const [url = ''] = await program.ready()
  const before = children(program.pid)
  await get(`${url}/eat`).then(
    () => assert.unreachable(),
    () => undefined,
  )
  await program.output(/FT_ERR_CHILD_DIED[\s\S]*SIGKILL|SIGKILL[\s\S]*FT_ERR_CHILD_DIED/, 'stderr')
  assert.is((await get(url)).body, 'well')
  const isWhole = (): boolean => {
    const now = children(program.pid)
    return now.length === 2 && now.some((pid) => !before.includes(pid))
  }
  await until(isWhole, LIMIT_MS, 'two children again')
  assert.is((await get(url)).body, 'well')
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.gone()
})

test('the disk of temporary files, the access log and captures is full: the pool starts, serves, reloads and stops', async () => {
  using disk = fullDisk()
  if (disk === undefined) {
    console.log('skipped: "the disk is full": this user can mount none')
    return
  }
  using folder = tempFolder()
  const admin = `unix:${folder.file('admin')}`
  const args = [
    ...[fixture('http'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '2'],
    ...['--access-log', disk.file('access.log'), '--admin', admin, '--canary-time', '0'],
  ]
  await using program = startCli(args, { env: { TMPDIR: disk.path } })
  const [url = ''] = await program.ready()
  for (let count = 0; count < 20; count++) assert.is((await get(url)).status, 200)
  const heap = await runCli(['heap', '--thread', '0.0', '--admin', admin], { cwd: folder.path })
  assert.is(heap.code, 1)
  assert.match(heap.stderr, /^forkthread: .*ENOSPC.*\[FT_ERR_ADMIN\]\n$/)
  // Nothing of the attempt is left.
  assert.equal(readdirSync(disk.path).sort(), ['access.log', 'filling'])
  program.send('SIGHUP')
  await program.output(/reload 1: .*\(1 replaced, 0 to go\)/, 'stderr')
  assert.is((await get(url)).status, 200)
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  assert.match(program.stderr, /lost \d+ lines? of its access log .*\[FT_ERR_OUTPUT_LOST\]/)
  assert.not.match(program.stderr, /FT_ERR_(?!OUTPUT_LOST)/)
})

testWith(
  'prlimit',
  'the parent has no descriptors left: the pool serves on, and a child that died is replaced later',
  async () => {
    const args = [fixture('http'), '--listen', '127.0.0.1:0', '--processes', '2', '--threads', '1']
    await using program = startCli(args)
    const [url = ''] = await program.ready()
    const limit = (count: number): void => {
      execFileSync('prlimit', ['--pid', String(program.pid), `--nofile=${count}:`])
    }
    limit(4)
    const [victim = 0, ...others] = children(program.pid)
    process.kill(victim, 'SIGKILL')
    await program.output(/EMFILE|ENFILE|too many open files/i, 'stderr', LIMIT_MS)
    assert.is((await get(url)).status, 200)
    assert.equal(children(program.pid), others)
    limit(1024)
    await until(() => children(program.pid).length === 2, LIMIT_MS, 'a successor')
    for (let n = 0; n < 20; n++) assert.is((await get(url)).status, 200)
  },
)

test.run()
