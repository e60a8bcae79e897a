/** Programs that make their own server and tell it to listen run as they are. */
import { statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { freePort } from './support/free-port.js'
import { get, keepAliveAgent } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'

const program = (name: string) => join(packageRoot, 'build', 'test', 'fixtures', 'programs', name)
const web = program('web.cjs')
const onLinux = process.platform === 'linux' ? test : test.skip
const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
const onIpv6 = addresses.some(({ family }) => family === 'IPv6') ? test : test.skip
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

for (const way of ['late', 'probe', 'alias', 'exclusive', 'inner', 'exported', 'both']) {
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

/** As programs do that listen at a path: away with what is left of the last run, before and after. */
const AT_A_PATH = `import { chmod, rm } from 'node:fs/promises'
import { existsSync, unlinkSync } from 'node:fs'
import { createServer } from 'node:http'
const [path] = process.argv.slice(2)
await rm(path, { force: true })
if (existsSync(path)) unlinkSync(path)
const server = createServer((_, response) => response.end('here'))
server.listen({ path, readableAll: true }, () => chmod(path, 0o770))
process.on('SIGTERM', () => {
  unlinkSync(path)
  process.exit(0)
})
`

test('a program that removes its socket file leaves the pool listening, and may set its rights', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), AT_A_PATH)
  const path = folder.file('app.sock')
  for (const listen of [[], ['--listen', `unix:${path}`], ANY]) {
    await using running = startCli([folder.file('app.mjs'), ...listen, ...SMALL, '--', path])
    const [url = ''] = await running.ready()
    const options = listen === ANY ? {} : { socketPath: path }
    const ask = async () => (await get(listen === ANY ? url : 'http://localhost/', options)).body
    assert.is(await ask(), 'here')
    if (listen !== ANY) assert.is(statSync(path).mode & 0o777, 0o770)
    running.send('SIGHUP')
    await running.output(/all processes are of the new generation/, 'stderr')
    assert.is(await ask(), 'here')
    await ends(running)
  }
})

const TWO_HOSTS = `import { createServer } from 'node:http'
const [port] = process.argv.slice(2)
for (const host of ['127.0.0.1', '127.0.0.2'])
  createServer((_, response) => response.end(host)).listen(Number(port), host)
`

onLinux(
  'two servers at one port and two hosts have their own clients, also kept ones',
  async () => {
    using folder = tempFolder()
    writeFileSync(folder.file('app.mjs'), TWO_HOSTS)
    const port = String(await freePort())
    const park = ['--keep-alive', 'park']
    await using running = startCli([folder.file('app.mjs'), ...SMALL, ...park, '--', port])
    await running.ready(2)
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const agent = keepAliveAgent()
      for (const isKept of [false, true]) {
        const answer = await get(`http://${host}:${port}/`, { agent })
        assert.equal([answer.body, answer.reusedConnection], [host, isKept])
      }
      agent.destroy()
    }
  },
)

const ONLY_IPV6 = `import { createServer } from 'node:http'
const [port] = process.argv.slice(2)
const server = createServer((_, response) => response.end('here'))
server.listen({ port: Number(port), host: '::', ipv6Only: true })
`

onIpv6('a program that listens with ipv6Only lets nobody in by IPv4', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), ONLY_IPV6)
  const port = String(await freePort())
  await using running = startCli([folder.file('app.mjs'), ...SMALL, '--', port])
  await running.ready()
  assert.is((await get(`http://[::1]:${port}/`)).body, 'here')
  const refused = await get(`http://127.0.0.1:${port}/`).catch(({ code }) => code)
  assert.is(refused, 'ECONNREFUSED')
})

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
  const timeout = ['--start-timeout', '5000']
  await using running = startCli([web, ...ANY, ...SMALL, ...timeout, '--', 'never'])
  assert.is((await running.exit()).code, 1)
  assert.match(running.stderr, /neither exports a handler nor has called listen\(\)/)
})

test.run()
