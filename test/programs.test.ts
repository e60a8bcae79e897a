/** Programs that make their own server and tell it to listen run as they are. */
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { freePort } from './support/free-port.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const program = (name: string) => join(packageRoot, 'build', 'test', 'fixtures', 'programs', name)
const web = program('web.cjs')
const SMALL = ['--processes', '1', '--threads', '1']
const ANY = ['--listen', '127.0.0.1:0']

interface Place {
  readonly pid: number
  readonly threadId: number
  readonly isMain: boolean
  readonly listening: boolean
  readonly address: AddressInfo | string
  readonly connections: number
}

const place = async (url: string): Promise<Place> => JSON.parse((await get(url)).body)

async function ends(running: Program): Promise<void> {
  running.send('SIGTERM')
  assert.equal(await running.exit(), { code: 0, signal: null })
}

test('a program is the main module, has its arguments, and PORT is where the pool listens', async () => {
  await using running = startCli([web, ...ANY, ...SMALL, '--', 'plain', '3000'])
  const [url = ''] = await running.ready()
  const found = await place(url)
  assert.ok(found.isMain)
  assert.ok(found.listening)
  assert.equal(found.address, {
    address: '127.0.0.1',
    family: 'IPv4',
    port: Number(new URL(url).port),
  })
  assert.is(found.connections, 1)
  await running.output(/the program asked for \*:3000, served at 127\.0\.0\.1:\d+/, 'stderr')
  await ends(running)
  assert.match(running.stdout, /app: listening[\s\S]*app: SIGTERM/)
})

test('without --listen the pool listens where the program does', async () => {
  const port = await freePort()
  await using running = startCli([web, ...SMALL, '--', 'plain', String(port), '127.0.0.1'])
  const [url = ''] = await running.ready()
  assert.is(url, `http://127.0.0.1:${port}`)
  assert.is(((await place(url)).address as AddressInfo).port, port)
  await ends(running)
})

for (const way of ['late', 'probe', 'alias', 'inner', 'exported', 'both']) {
  test(`${way}: is served, before and after a reload`, async () => {
    const port = String(await freePort())
    const listen = ['--listen', `127.0.0.1:${port}`]
    await using running = startCli([web, ...listen, ...SMALL, '--', way, port, '127.0.0.1'])
    const [url = ''] = await running.ready()
    const first = await place(url)
    assert.ok(first.listening)
    running.send('SIGHUP')
    await running.output(/all processes are of the new generation/, 'stderr')
    assert.is.not((await place(url)).pid, first.pid)
    if (way === 'alias') assert.match(running.stdout, 'app: alias')
    if (way === 'both') await running.output(/exports a handler and listens/, 'stderr')
    if (way === 'inner') {
      const [, inner = ''] = await running.output(/app: inner (.*)/)
      const { port: innerPort } = JSON.parse(inner) as AddressInfo
      assert.is.not(String(innerPort), port)
    }
    await ends(running)
  })
}

test('a second server at the same address gets the error that it would get anyway', async () => {
  const port = String(await freePort())
  const listen = ['--listen', `127.0.0.1:${port}`]
  await using running = startCli([web, ...listen, ...SMALL, '--', 'twice', port, '127.0.0.1'])
  const [url = ''] = await running.ready()
  await running.output(/app: listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+/)
  assert.ok((await place(url)).listening)
})

test('a listen on another port gets an error that names the option', async () => {
  await using running = startCli([web, ...ANY, ...SMALL, '--', 'metrics', '3000'])
  await running.ready()
  await running.output(/app: .*\*:9101.*--listen 9101/)
})

test('a program that forks with cluster is told what to start instead', async () => {
  await using running = startCli([web, ...ANY, ...SMALL, '--', 'cluster'])
  assert.is((await running.exit()).code, 1)
  assert.match(running.stderr, /FT_ERR_CLUSTER/)
})

test('neither a handler nor a server: an error of its own, and not that of a slow start', async () => {
  const timeout = ['--start-timeout', '1500']
  await using running = startCli([web, ...ANY, ...SMALL, ...timeout, '--', 'never'])
  assert.is((await running.exit()).code, 1)
  assert.match(running.stderr, /neither exports a handler nor has called listen\(\)/)
})

test('process.exit, process.kill of itself and close concern one thread, which is replaced', async () => {
  for (const path of ['/exit', '/kill', '/close']) {
    await using running = startCli([
      ...[web, ...ANY, '--processes', '1', '--threads', '2', '--spares', '1:64'],
      ...['--', 'deaf', '3000'],
    ])
    const [url = ''] = await running.ready()
    const latest = async (): Promise<number> => {
      const found = await Promise.all(Array.from({ length: 4 }, () => place(`${url}/slow`)))
      return Math.max(...found.map(({ threadId }) => threadId))
    }
    const { pid } = await place(url)
    const before = await latest()
    // Under way in the other thread meanwhile.
    const slow = get(`${url}/slow`)
    await get(url + path)
    assert.is((await slow).status, 200, path)
    const isReplaced = async (): Promise<boolean> => (await latest()) > before
    await until(isReplaced, LIMIT_MS, `a new thread after ${path}`)
    assert.is((await place(url)).pid, pid, path)
    await ends(running)
  }
})

test('a program that exits as soon as it is told costs no request that is in flight', async () => {
  await using running = startCli([web, ...ANY, ...SMALL, '--', 'hasty', '3000'])
  const [url = ''] = await running.ready()
  const slow = get(`${url}/slow`)
  // Later than that one, so it has begun.
  await get(`${url}/`)
  running.send('SIGHUP')
  assert.is((await slow).status, 200)
  await running.output(/all processes are of the new generation/, 'stderr')
  await ends(running)
  assert.not.match(running.stderr, 'FT_ERR')
})

test('a throw or a rejection in a listener ends the thread, and the error names the request', async () => {
  for (const path of ['/throw', '/reject']) {
    await using running = startCli([web, ...ANY, ...SMALL, '--', 'plain', '3000'])
    const [url = ''] = await running.ready()
    await get(url + path).then(
      () => assert.unreachable(),
      () => undefined,
    )
    await running.output(/FT_ERR_THREAD_DIED/, 'stderr')
    assert.match(running.stderr, `GET ${path}`)
    await until(async () => (await place(url).catch(() => undefined))?.listening, LIMIT_MS, 'again')
  }
})

test.run()
