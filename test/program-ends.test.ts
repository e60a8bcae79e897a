/** How threads of programs end: by the program's own wish, by an error, because they are to leave. */
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
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
    // Under way in the other thread meanwhile; where both are idle it may also be the same one.
    const isSpared = async (): Promise<boolean> => {
      const slow = get(`${url}/slow`).then(
        ({ status }) => status === 200,
        () => false,
      )
      await get(url + path)
      return await slow
    }
    await until(isSpared, LIMIT_MS, `a request that ${path} leaves alone`)
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

const ENDS_BY_ITSELF = `import { createServer } from 'node:http'
const server = createServer((_, response) => response.end('here')).listen(3000)
process.on('SIGTERM', () => server.close(() => console.log('closed')))
process.once('beforeExit', (code) => {
  console.log('beforeExit', code)
  setTimeout(() => console.log('flushed'), 100)
})
process.on('exit', () => console.log('exit'))
`

test('a program that ends because nothing is left is told so, and what it begins then is waited for', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), ENDS_BY_ITSELF)
  await using running = startCli([folder.file('app.mjs'), ...ANY, ...SMALL])
  const [url = ''] = await running.ready()
  assert.is((await get(url)).body, 'here')
  await ends(running)
  await running.outputEnd()
  assert.match(running.stdout, /closed\nbeforeExit 0\nflushed\nexit\n/)
})

test('a throw or a rejection in a listener ends the thread, and the error names the request', async () => {
  for (const path of ['/throw', '/reject']) {
    await using running = startCli([web, ...ANY, ...SMALL, '--', 'plain', '3000'])
    const [url = ''] = await running.ready()
    // Also where others have begun since.
    const slow = get(`${url}/slow`).catch(() => undefined)
    await get(url + path).then(
      () => assert.unreachable(),
      () => undefined,
    )
    await running.output(/FT_ERR_THREAD_DIED/, 'stderr')
    assert.match(running.stderr, `GET ${path}`)
    await slow
    await until(async () => (await place(url).catch(() => undefined))?.listening, LIMIT_MS, 'again')
  }
})

test.run()
