/** Programs with servers of TLS: their sessions are resumed by every thread of every process, over a reload and an upgrade. */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { local } from './support/certificates.js'
import { type Program, runCli, startCli } from './support/cli.js'
import { portOf } from './support/http.js'
import { ask, connectHttp2 } from './support/http2.js'
import { packageRoot } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { handshake } from './support/tls.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const secure = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'secure.cjs')

interface Started extends AsyncDisposable {
  readonly program: Program
  readonly admin: string
  readonly url: string
  readonly port: number
}

async function start(way: string, size: readonly string[], ...more: string[]): Promise<Started> {
  const folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), local.cert)
  const admin = `unix:${folder.file('admin')}`
  const args = [secure, '--listen', '127.0.0.1:0', '--admin', admin, '--canary-time', '0']
  const own = [way, folder.file('key.pem'), folder.file('cert.pem')]
  const program = startCli([...args, ...size, ...more, '--', ...own])
  const [url = ''] = await program.ready()
  return {
    program,
    admin,
    url,
    port: portOf(url),
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const MANY = ['--processes', '2', '--threads', '2', '--spares', '4:4']
const ONE = ['--processes', '1', '--threads', '1']

/** Comes back again and again with the session of the time before; who has served. */
async function resumes(port: number, servername: string, version: 'TLSv1.2' | 'TLSv1.3') {
  const options = { servername, minVersion: version, maxVersion: version }
  const first = await handshake(port, options)
  let { session } = first
  const served = new Set([first.text.split('\r\n\r\n').at(-1)])
  return async (rounds: number): Promise<ReadonlySet<string | undefined>> => {
    for (let round = 0; round < rounds; round++) {
      const given = session === undefined ? {} : { session }
      // Several at a time, for several threads.
      const all = await Promise.all([1, 2, 3].map(() => handshake(port, { ...options, ...given })))
      for (const shown of all) {
        assert.ok(shown.isReused, `${version}, ${servername}, round ${round}`)
        session = shown.session ?? session
        served.add(shown.text.split('\r\n\r\n').at(-1))
      }
    }
    return served
  }
}

for (const way of ['https', 'http2', 'tls', 'names', 'chooses', 'renews', 'own-keys']) {
  test(`${way}: sessions are resumed by all threads`, async () => {
    await using started = await start(way, MANY)
    assert.match(started.url, way === 'tls' ? /^tls:/ : /^https:/)
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const names = ['names', 'chooses'].includes(way) ? ['localhost', 'named.test'] : ['localhost']
      for (const name of names) {
        const again = await resumes(started.port, name, version)
        assert.ok((await again(3)).size > 1, 'several threads have served')
      }
    }
    if (way !== 'https') return
    const again = await resumes(started.port, 'localhost', 'TLSv1.3')
    const { code, stderr } = await runCli(['reload', '--admin', started.admin])
    assert.is(code, 0, stderr)
    await again(2)
  })
}

test('over an upgrade', async () => {
  await using started = await start('https', MANY)
  const again = await resumes(started.port, 'localhost', 'TLSv1.3')
  const old = started.program.pid
  assert.is((await runCli(['upgrade', '--admin', started.admin])).code, 0)
  await until(() => !isRunning(old), LIMIT_MS, 'the end of the old parent')
  await again(2)
  assert.is((await runCli(['stop', '--admin', started.admin])).code, 0)
})

test('an http2 server speaks both versions, and GOAWAY when it leaves', async () => {
  await using started = await start('http2', ONE)
  const session = await connectHttp2(started.url)
  assert.match((await ask(session, '/')).body, /^\d+ \d+ \d+$/)
  assert.match((await handshake(started.port)).text, /^HTTP\/1\.1 200 /)
  let isGoing = false
  session.on('goaway', () => {
    isGoing = true
  })
  assert.is((await runCli(['reload', '--admin', started.admin])).code, 0)
  await until(() => isGoing && session.closed, LIMIT_MS, 'GOAWAY, and the end')
})

for (const way of ['https', 'http2', 'tls']) {
  test(`${way}: a handshake that is never finished holds no drain`, async () => {
    await using started = await start(way, ONE, '--no-defer-accept')
    const sockets = [Buffer.alloc(0), Buffer.from([22, 3, 1, 2, 0, 1, 0])].map((bytes) => {
      const socket = connect({ port: started.port, host: '127.0.0.1' })
      socket.on('error', () => undefined).write(bytes)
      return socket
    })
    // Behind them in the queue: they have been taken.
    await handshake(started.port)
    started.program.send('SIGTERM')
    await within(started.program.exit(), 30_000, 'the end')
    for (const socket of sockets) socket.destroy()
  })
}

test('an address that says https:// is not served in clear', async () => {
  const web = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'web.cjs')
  const { code, stderr } = await runCli([web, '--listen', 'https://127.0.0.1:0', ...ONE])
  assert.is(code, 1)
  assert.match(stderr, /FT_ERR_TLS/)
})

test.run()
