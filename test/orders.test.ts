/** Orders to a running pool: by command, with and without an address, over HTTP, with a token; also while every thread is stuck. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, runCli, startCli } from './support/cli.js'
import { get, type Reply } from './support/http.js'
import { fixture } from './support/paths.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 20_000
const small = ['--listen', '127.0.0.1:0', '--processes', '1', '--threads', '2']

/** A user whose runtime folder is this test's. */
function user() {
  const folder = tempFolder()
  const runtime = folder.file('run')
  mkdirSync(runtime, { mode: 0o700 })
  const env = { XDG_RUNTIME_DIR: runtime }
  return {
    socketOf: ({ pid }: Program) => join(runtime, 'forkthread', `${pid}.sock`),
    folder: join(runtime, 'forkthread'),
    start: (...args: string[]) => startCli([fixture('slow-or-quick'), ...small, ...args], { env }),
    run: (...args: string[]) => runCli(args, { env }),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

const order = (url: string, headers: Record<string, string> = {}): Promise<Reply> =>
  get(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } })

test('where one pool runs no address is needed; it is found by its private socket', async () => {
  using me = user()
  const none = await me.run('status')
  assert.is(none.code, 1)
  assert.match(none.stderr, /No pool of this user was found here.*\[FT_ERR_NO_POOL\]/)
  await using program = me.start()
  const [url = ''] = await program.ready()
  assert.is(statSync(me.socketOf(program)).mode & 0o777, 0o600)
  assert.is(statSync(me.folder).mode & 0o777, 0o700)
  const [listed, json, status] = await Promise.all([
    me.run('list'),
    me.run('list', '--json'),
    me.run('status', '--json'),
  ])
  assert.match(listed.stdout, new RegExp(`^ *${program.pid}  ${url}  1 process, 2 threads`))
  assert.is((JSON.parse(json.stdout) as { pid: number }[])[0]?.pid, program.pid)
  assert.is((JSON.parse(status.stdout) as { pid: number }).pid, program.pid)
  const stopped = await me.run('stop')
  assert.is(stopped.code, 0, stopped.stderr)
  assert.equal(await program.exit(), { code: 0, signal: null })
  assert.not(existsSync(me.socketOf(program)))
})

test('of several one is chosen; sockets of the dead are removed; --admin off has none', async () => {
  using me = user()
  mkdirSync(me.folder, { mode: 0o700 })
  const stale = join(me.folder, '999999999.sock')
  writeFileSync(stale, '')
  await using one = me.start()
  await using other = me.start()
  await using hidden = me.start('--admin', 'off')
  await Promise.all([one.ready(), other.ready(), hidden.ready()])
  assert.not(existsSync(stale))
  assert.not(existsSync(me.socketOf(hidden)))
  const ambiguous = await me.run('reload')
  assert.match(ambiguous.stderr, /Several pools run: .*--pid.*\[FT_ERR_NO_POOL\]/)
  const { code, stderr } = await me.run('stop', '--pid', String(other.pid))
  assert.is(code, 0, stderr)
  await other.exit()
  const reloaded = await me.run('reload')
  assert.is(reloaded.code, 0, reloaded.stderr)
  assert.match(one.stderr, /reload 1/)
})

test('resize, drain, undrain, log-level, kill; and what is wrong with an order', async () => {
  using me = user()
  await using program = me.start('--admin', '127.0.0.1:0', '--metrics', '127.0.0.1:0')
  const [url = ''] = await program.ready()
  const [, admin = ''] = await program.output(/admin on http:\/\/(\S+)/, 'stderr')
  const say = (...args: string[]) => me.run(...args, '--admin', admin)
  const ready = () => get(`http://${admin}/ready`)
  assert.match((await say('resize', '--threads', '3')).stderr, /threads 3,[\s\S]*resized/)
  assert.is((await say('drain')).code, 0)
  assert.equal(
    [(await ready()).status, (await ready()).body],
    [503, 'the pool is draining, by order\n'],
  )
  assert.is((await get(url)).status, 200)
  assert.is((await say('undrain')).code, 0)
  assert.is((await ready()).status, 200)
  assert.is((await say('log-level', 'debug')).code, 0)

  const lost = get(`${url}/?ms=20000`).catch((error) => error.code)
  const stuck = await until(
    async () => {
      const { stdout } = await say('status', '--json')
      const { processes } = JSON.parse(stdout) as {
        processes: { threads: { id: number; state: string; inFlight: number }[] }[]
      }
      const found = processes[0]?.threads.find(({ inFlight }) => inFlight > 0)
      return found && `0.${found.id}`
    },
    LIMIT_MS,
    'a stuck thread',
  )
  const killed = await say('kill', stuck)
  assert.is(killed.code, 0, killed.stderr)
  assert.match(killed.stderr, /at .*slow-or-quick\.js:\d+/)
  assert.is(await lost, 'ECONNRESET')
  assert.is((await get(url)).status, 200)

  for (const [args, expected] of [
    [['kill', '0.31'], /there is no thread 31/i],
    [['kill', '7.0'], /There is no process 7/],
    [['kill', 'x'], /PROCESS\.THREAD.*'x'/],
    [['kill'], /It is: forkthread kill P\.T/],
    [['log-level', 'loud'], /one of trace.*'loud'/],
    [['resize'], /A new size is missing/],
    [['resize', '--threads', '9:1'], /threads.*9:1/],
    [['status', '0.1'], /It is: forkthread status/],
  ] as const) {
    const { code, stderr } = await say(...args)
    assert.is.not(code, 0)
    assert.match(stderr, expected)
  }
})

test('over TCP with a token: who does not know it reads, and orders nothing; handlers do not see it', async () => {
  const token = 'a secret that nobody guesses'
  await using serving = await serve('slow-or-quick', { admin: '127.0.0.1:0', adminToken: token })
  const admin = serving.pool.adminAddress
  assert.is((await get(`${admin}/status.json`)).status, 200)
  for (const headers of [{}, { Authorization: 'Bearer wrong' }, { Authorization: token }]) {
    const { status, body } = await order(`${admin}/drain`, headers as Record<string, string>)
    assert.is(status, 401)
    assert.match(body, /Authorization: Bearer/)
  }
  assert.is((await get(`${admin}/ready`)).status, 200)
  const { body } = await order(`${admin}/drain`, { Authorization: `Bearer ${token}` })
  assert.match(body, /"done":true/)
  assert.is((await get(`${admin}/ready`)).status, 503)
  assert.is((await get(`${admin}/drain`)).status, 405)
  const page = await order(`${admin}/undrain`, { Origin: 'http://evil.example' })
  assert.is(page.status, 403)
})

test('the address for reading takes no orders', async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0' })
  for (const name of ['reload', 'resize?threads=1', 'kill?thread=0.0', 'drain'])
    assert.is((await order(`${serving.pool.metricsAddress}/${name}`)).status, 405)
})

test('all of it is answered while every thread is stuck', async () => {
  await using serving = await serve('slow-or-quick', { admin: '127.0.0.1:0', threads: 2 })
  const { pool, url } = serving
  const stuck = [1, 2].map(() => get(`${url}/?ms=15000`).catch(({ code }) => code))
  await until(() => pool.stats().threads.idle === 0, LIMIT_MS, 'all are stuck')
  const admin = pool.adminAddress
  for (const path of ['status.json', 'live', 'ready', 'slow.json', '', 'metrics'])
    assert.is((await get(`${admin}/${path}`)).status, 200, path)
  assert.match((await order(`${admin}/resize?threads=2:3`)).body, /"done":true/)
  for (const thread of ['0.0', '0.1'])
    assert.match(
      (await order(`${admin}/kill?thread=${thread}`)).body,
      /slow-or-quick[\s\S]*"done":true/,
    )
  for (const lost of stuck) assert.is(await lost, 'ECONNRESET')
  assert.is((await get(url)).status, 200)
})

test.run()
