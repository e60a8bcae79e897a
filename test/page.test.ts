/** What the admin address shows to people and to Apache's monitors. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PageData } from '#dist/admin/page-data.js'
import { runCli } from './support/cli.js'
import { get } from './support/http.js'
import { serve } from './support/serve.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const run = promisify(execFile)

/** What its monitors look for. */
const APACHES = [
  ...['Total Accesses', 'Total kBytes', 'Total Duration', 'Uptime', 'ServerUptimeSeconds'],
  ...['ReqPerSec', 'BytesPerSec', 'BytesPerReq', 'DurationPerReq', 'BusyWorkers', 'IdleWorkers'],
  ...['CPUUser', 'CPUSystem', 'CPUChildrenUser', 'CPUChildrenSystem', 'CPULoad'],
  ...['Load1', 'Load5', 'Load15', 'Processes', 'Stopping', 'GracefulWorkers'],
  ...['ConnsTotal', 'ConnsAsyncWriting', 'ConnsAsyncKeepAlive', 'ConnsAsyncClosing', 'Scoreboard'],
]

const asBrowser = { headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } }

test('a browser gets a page that runs nothing but itself, others a text', async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0' })
  const address = serving.pool.metricsAddress
  const page = await get(`${address}/`, asBrowser)
  assert.is(page.status, 200)
  assert.match(page.headers['content-type'] ?? '', /^text\/html/)
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/)
  assert.not.match(policy, /unsafe/)
  assert.not.match(page.body, /\b(src|href)="(?!data:)/)
  assert.not.match(page.body, /innerHTML|insertAdjacentHTML|document\.write/)
  const text = await get(`${address}/`, { headers: { Accept: '*/*' } })
  assert.match(text.headers['content-type'] ?? '', /^text\/plain/)
  assert.match(text.body, /^forkthread \d+, generation 0/)
  assert.is((await get(`${address}/`, { method: 'POST' })).status, 405)
})

test('what runs longest is the oldest request of a thread, not the latest', async () => {
  await using serving = await serve('routes', { metrics: '127.0.0.1:0', drainTimeout: 200 })
  const { url, pool } = serving
  const waiting = get(`${url}/wait/long?secret=1`, { timeoutMs: 30_000 }).catch(() => undefined)
  await until(() => pool.stats().threads.busy === 1, 30_000, 'it waits')
  const page = async (): Promise<PageData> =>
    JSON.parse((await get(`${pool.metricsAddress}/page.json`)).body) as PageData
  const shows = async (): Promise<boolean> => {
    await get(`${url}/users/1`)
    const [first] = (await page()).running
    return first?.request === 'GET /wait/long' && first.busyMs > 1500
  }
  await until(shows, 30_000, 'GET /wait/long runs longest')
  const { points, events } = await page()
  assert.ok(points.length >= 1 && points.every(({ at }) => at > 0))
  assert.is(events[0]?.kind, 'decision')
  await pool.kill()
  await waiting
})

test("/server-status?auto says it in Apache's lines", async () => {
  await using serving = await serve('slow-or-quick', { metrics: '127.0.0.1:0', threads: 2 })
  for (let asked = 0; asked < 3; asked++) await get(serving.url)
  // A response counts when it is over, a moment after the client has it.
  const isCounted = (): boolean => serving.pool.stats().totals.requests === 3
  await until(isCounted, 30_000, 'all requests counted')
  const { body } = await get(`${serving.pool.metricsAddress}/server-status?auto`)
  const lines = body.trimEnd().split('\n')
  for (const line of lines) assert.is(line.split(': ').length, 2, line)
  const values = new Map(lines.map((line) => line.split(': ') as [string, string]))
  assert.match(values.get('ServerVersion') ?? '', /^forkthread\/\d+\.\d+\.\d+ \(\w+\)$/)
  for (const [key, value] of values)
    if (!/^(ServerVersion|ServerMPM|Scoreboard|\w+Time)$/.test(key))
      assert.ok(Number.isFinite(Number.parseFloat(value)), key)
  assert.is(values.get('Total Accesses'), '3')
  assert.ok(Number(values.get('BytesPerReq')) > 100)
  assert.ok(Number(values.get('CPUUser')) > 0)
  for (const key of APACHES) assert.ok(values.has(key), key)
  assert.match(values.get('Scoreboard') ?? '', /^[_SRWKDCLGI.]+$/)
  const workers = Number(values.get('BusyWorkers')) + Number(values.get('IdleWorkers'))
  assert.ok(workers >= 1 && workers <= 2, body)
})

const MUNIN = '/usr/share/munin/plugins'

// They are written in Perl, and ask by its LWP.
testWith('lwp-request', "Munin's plug-ins for Apache read it", async () => {
  if (!existsSync(MUNIN)) {
    console.log('skipped: Munin is missing (apt install munin-plugins-core)')
    return
  }
  await using serving = await serve('routes', { metrics: '127.0.0.1:0', threads: 2 })
  for (let asked = 0; asked < 3; asked++) await get(`${serving.url}/bytes/5000`)
  await until(() => serving.pool.stats().totals.requests === 3, 30_000, 'all requests counted')
  const { port } = new URL(serving.pool.metricsAddress ?? '')
  const plugin = async (name: string, ...args: string[]): Promise<string> => {
    const { stdout } = await run(`${MUNIN}/apache_${name}`, args, {
      env: {
        PATH: process.env.PATH,
        MUNIN_LIBDIR: '/usr/share/munin',
        url: 'http://127.0.0.1:%d/server-status?auto',
        ports: port,
      },
    })
    return stdout
  }
  for (const name of ['accesses', 'volume', 'processes'])
    assert.is(await plugin(name, 'autoconf'), 'yes\n', name)
  assert.match(await plugin('accesses'), new RegExp(`^accesses${port}\\.value 3$`, 'm'))
  const [, volume] = /\.value (\d+)/.exec(await plugin('volume')) ?? []
  assert.ok(Number(volume) > 14_000, volume)
  const processes = await plugin('processes')
  assert.match(processes, new RegExp(`^idle${port}\\.value [12]$`, 'm'))
  assert.match(processes, new RegExp(`^busy${port}\\.value [01]$`, 'm'))
})

test('forkthread status --json prints what stats() returns', async () => {
  await using serving = await serve('slow-or-quick', { admin: '127.0.0.1:0', threads: 2 })
  const admin = String(serving.pool.adminAddress).replace('http://', '')
  const { code, stdout } = await runCli(['status', '--json', '--admin', admin])
  assert.is(code, 0)
  assert.is(JSON.parse(stdout).threads.max, 2)
})

test.run()
