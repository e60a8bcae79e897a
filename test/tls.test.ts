/** TLS for handlers: certificates by name and renewed, sessions resumed everywhere, and nothing that holds up a drain. */

import { once } from 'node:events'
import { copyFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { createPool, ForkthreadError } from '#dist/index.js'
import { local, one, two } from './support/certificates.js'
import { runCli, startCli } from './support/cli.js'
import { portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { NOBODY, testAsRoot } from './support/privileges.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { handshake, secureGet } from './support/tls.js'
import { runTool, testWith } from './support/tools.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 20_000
const https = { listen: 'https://127.0.0.1:0', tls: local } as const

function codeOf(error: unknown): string {
  assert.instance(error, ForkthreadError)
  return (error as ForkthreadError).code
}

/** The sockets of this process, by the kernel's names. */
function openSockets(): string[] {
  const folder = '/proc/self/fd'
  return readdirSync(folder).flatMap((fd) => {
    // The folder's own descriptor is gone by now.
    const found = statSync(`${folder}/${fd}`, { throwIfNoEntry: false })
    return found?.isSocket() === true ? readlinkSync(`${folder}/${fd}`) : []
  })
}

test('a handler is served over TLS, and says so', async () => {
  await using serving = await serve('http', https)
  assert.match(serving.url, /^https:\/\/127\.0\.0\.1:\d+$/)
  assert.is(await secureGet(serving.url), 'hello\n')
  assert.is(serving.pool.stats().listeners[0]?.address, serving.url)
})

test('a fetch handler and a raw one, too', async () => {
  await using fetching = await serve('fetch', https)
  assert.ok((await secureGet(`${fetching.url}/`)).length > 0)
  await using serving = await serve('raw', https)
  assert.match(serving.url, /^tls:\/\//)
  const socket = connectTls({ port: serving.port, rejectUnauthorized: false })
  socket.setEncoding('utf8').write('aha\n')
  const [text] = await new Promise<string[]>((resolve) =>
    socket.once('data', (first: string) => resolve([first])),
  )
  assert.is(text, 'you said aha\n')
  socket.destroy()
})

test('some listeners with TLS, others without', async () => {
  const listen = ['127.0.0.1:0', 'https://127.0.0.1:0']
  await using serving = await serve('http', { listen, tls: local })
  const [clear = '', secure = ''] = serving.pool.addresses
  assert.ok(clear.startsWith('http://') && secure.startsWith('https://'))
  assert.is(await secureGet(secure), 'hello\n')
  assert.is(await (await fetch(clear)).text(), 'hello\n')
})

test('with a key and no https:// all listeners have TLS', async () => {
  await using serving = await serve('http', { listen: '127.0.0.1:0', tls: local })
  assert.is(await secureGet(serving.url), 'hello\n')
})

test('the certificate is the one for the name that the client asks for', async () => {
  await using serving = await serve('http', { ...https, tls: [local, one, two] })
  for (const [servername, name] of [
    ['one.test', 'one.test'],
    ['www.one.test', 'one.test'],
    ['WWW.ONE.TEST', 'one.test'],
    ['two.test', 'two.test'],
    ['a.b.one.test', 'localhost'],
    ['three.test', 'localhost'],
    ['', 'localhost'],
  ] as const) {
    const shown = await handshake(serving.port, { servername })
    assert.is(shown.name, name, servername)
    assert.match(shown.text, /^HTTP\/1\.1 200 OK/)
  }
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a session is resumed by every thread of every process, and over a reload`, async () => {
    const size = { processes: 2, threads: 2, spares: '2:4', canaryTime: 0 }
    await using serving = await serve('who', { ...https, ...size, tls: [local, one] })
    for (const servername of ['localhost', 'one.test']) {
      const options = { servername, minVersion: version, maxVersion: version }
      let { session } = await handshake(serving.port, options)
      const served = new Set<string>()
      for (let round = 0; round < 12; round++) {
        if (round === 6) await serving.pool.reload()
        const shown = await handshake(serving.port, {
          ...options,
          ...(session === undefined ? {} : { session }),
        })
        assert.ok(shown.isReused, `round ${round}`)
        assert.is(shown.version, version)
        served.add(shown.text.split('\r\n\r\n')[1] ?? '')
        session = shown.session ?? session
      }
      assert.ok(served.size > 1, 'several threads have served')
    }
  })
}

testWith('openssl', 'openssl s_client resumes, too', async () => {
  await using serving = await serve('who', { ...https, processes: 2, threads: 2 })
  using folder = tempFolder()
  const at = ['s_client', '-connect', `127.0.0.1:${serving.port}`, '-servername', 'localhost']
  const ask = async (...more: string[]) =>
    await runTool('openssl', [...at, ...more], 30_000, 'GET / HTTP/1.0\r\n\r\n')
  for (const version of ['-tls1_2', '-tls1_3']) {
    const file = folder.file('session')
    assert.match(await ask(version, '-sess_out', file, '-ign_eof'), /^New, /m)
    for (let round = 0; round < 4; round++)
      assert.match(await ask(version, '-sess_in', file, '-ign_eof'), /^Reused, /m)
  }
  const again = await ask('-tls1_2', '-reconnect')
  assert.is([...again.matchAll(/^Reused, /gm)].length, 5)
})

test('a wrong key or certificate makes the start fail with an error that names the file', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), one.cert)
  const tls = { key: folder.file('key.pem'), cert: folder.file('cert.pem') }
  for (const [wrong, named] of [
    [tls, 'cert.pem'],
    [{ ...tls, key: folder.file('none.pem') }, 'none.pem'],
    [{ ...tls, key: folder.file('cert.pem') }, 'cert.pem'],
  ] as const) {
    try {
      await createPool({ handler: fixture('http'), listen: 'https://127.0.0.1:0', tls: wrong })
      assert.unreachable()
    } catch (error) {
      assert.is(codeOf(error), 'FT_ERR_TLS')
      assert.ok((error as Error).message.includes(folder.file(named)))
    }
  }
  try {
    await createPool({ handler: fixture('http'), listen: 'https://127.0.0.1:0', processes: 1 })
    assert.unreachable()
  } catch (error) {
    assert.is(codeOf(error), 'FT_ERR_TLS')
  }
})

test('a start that fails by its certificate leaves nothing: no socket, no path, no pid file', async () => {
  using folder = tempFolder()
  const sockets = openSockets()
  const wrong = createPool({
    handler: fixture('http'),
    listen: ['https://127.0.0.1:0', `unix:${folder.file('app')}`],
    admin: `unix:${folder.file('admin')}`,
    metrics: `unix:${folder.file('metrics')}`,
    agentCheck: `unix:${folder.file('agent')}`,
    pidFile: folder.file('pid'),
    tls: { key: folder.file('none.pem'), cert: folder.file('none.pem') },
  })
  const error = await wrong.catch((reason: unknown) => reason)
  assert.is(codeOf(error), 'FT_ERR_TLS')
  assert.equal(readdirSync(folder.path), [])
  const left = openSockets().filter((socket) => !sockets.includes(socket))
  assert.equal(left, [])
})

testAsRoot('a key that only root may read serves children of another user', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key, { mode: 0o600 })
  const tls = { key: folder.file('key.pem'), cert: local.cert }
  await using serving = await serve('http', { ...https, tls, user: NOBODY })
  assert.is(await secureGet(serving.url), 'hello\n')
})

test('new files are taken up without a reload, and the connections that are open go on', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), local.cert)
  const tls = { key: folder.file('key.pem'), cert: folder.file('cert.pem') }
  await using serving = await serve('who', { ...https, tls, processes: 2, threads: 2 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  const ask = async (): Promise<boolean> =>
    await new Promise((resolve, reject) => {
      const outgoing = request(serving.url, { agent }, (incoming) => {
        incoming.resume().once('end', () => resolve(outgoing.reusedSocket))
      })
      outgoing.once('error', reject).end()
    })
  await ask()
  // In the middle of the change the two do not fit together.
  writeFileSync(folder.file('cert.pem'), one.cert)
  writeFileSync(folder.file('new'), one.key)
  copyFileSync(folder.file('new'), folder.file('key.pem'))
  const isNew = async () => (await handshake(serving.port)).name === 'one.test'
  await until(isNew, LIMIT_MS, 'the new certificate')
  // In every thread.
  await until(
    async () => {
      for (let round = 0; round < 8; round++) if (!(await isNew())) return false
      return true
    },
    LIMIT_MS,
    'the new certificate in every thread',
  )
  assert.ok(await ask(), 'the connection from before is used on')
  assert.is(serving.pool.stats().totals.reloads, 0)
  agent.destroy()
})

test('a reload takes up new certificates, and keeps the old ones if they are of no use', async () => {
  await using serving = await serve('http', { ...https, canaryTime: 0 })
  await serving.pool.reload({ tls: one })
  assert.is((await handshake(serving.port)).name, 'one.test')
  try {
    await serving.pool.reload({ tls: { key: one.key, cert: two.cert } })
    assert.unreachable()
  } catch (error) {
    assert.is(codeOf(error), 'FT_ERR_TLS')
  }
  assert.is((await handshake(serving.port)).name, 'one.test')
})

test('handshakes that are never finished hold no drain', async () => {
  const serving = await serve('http', { ...https, drainTimeout: 20_000 })
  const silent = connect({ port: serving.port, host: '127.0.0.1' })
  const started = connect({ port: serving.port, host: '127.0.0.1' })
  for (const socket of [silent, started]) socket.on('error', () => undefined)
  // The beginning of a client's hello.
  started.write(Buffer.from([22, 3, 1, 2, 0, 1, 0]))
  await until(() => serving.pool.stats().totals.connections === 2, LIMIT_MS, 'both are taken')
  await within(serving.pool.close(), 30_000, 'the pool closes')
  silent.destroy()
  started.destroy()
})

test('a keep-alive connection is told to close with the next response when its process leaves', async () => {
  const size = { processes: 1, threads: 1, canaryTime: 0 }
  await using serving = await serve('http', { ...https, ...size, keepAliveTimeout: 60_000 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  const ask = async (path: string): Promise<string> =>
    await new Promise((resolve, reject) => {
      const outgoing = request(`${serving.url}${path}`, { agent }, (incoming) => {
        incoming.resume().once('end', () => resolve(String(incoming.headers.connection)))
      })
      outgoing.once('error', reject).end()
    })
  assert.is(await ask('/'), 'keep-alive')
  const slow = ask('/slow?ms=3000')
  await until(() => serving.pool.stats().threads.busy === 1, LIMIT_MS, 'the request is in flight')
  const reloaded = serving.pool.reload()
  assert.is(await slow, 'close')
  await reloaded
  agent.destroy()
})

test('keep-alive connections in use see no reload: none is closed under a request', async () => {
  const size = { processes: 2, threads: 2, canaryTime: 0 }
  await using serving = await serve('who', { ...https, ...size })
  const agent = new Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false })
  const failures: string[] = []
  let isOver = false
  let answered = 0
  const ask = async (): Promise<void> =>
    await new Promise((resolve) => {
      const failed = (error: Error): void => {
        failures.push(String(error))
        resolve()
      }
      request(serving.url, { agent }, (incoming) => {
        incoming.once('error', failed).resume()
        incoming.once('end', () => {
          answered++
          resolve()
        })
      })
        .once('error', failed)
        .end()
    })
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) await ask()
  })
  for (let reload = 0; reload < 2; reload++) await serving.pool.reload()
  isOver = true
  await Promise.all(clients)
  agent.destroy()
  assert.equal(failures, [])
  assert.ok(answered > 0)
})

test('WebSockets come over TLS, too', async () => {
  await using serving = await serve('web-socket', https)
  const socket = new WebSocket(serving.url.replace('https', 'wss'), { rejectUnauthorized: false })
  await within(once(socket, 'open'), LIMIT_MS, 'open')
  socket.send('aha')
  const [message] = await within(once(socket, 'message'), LIMIT_MS, 'the echo')
  assert.is(String(message), 'aha')
  socket.close()
  await once(socket, 'close')
})

test('on the command line: keys and certificates in pairs', async () => {
  using folder = tempFolder()
  for (const [name, { key, cert }] of Object.entries({ local, one })) {
    writeFileSync(folder.file(`${name}.key`), key)
    writeFileSync(folder.file(`${name}.crt`), cert)
  }
  const pair = (name: string) => [
    ...['--tls-key', folder.file(`${name}.key`)],
    ...['--tls-cert', folder.file(`${name}.crt`)],
  ]
  const args = [
    fixture('http'),
    '--listen',
    'https://127.0.0.1:0',
    ...pair('local'),
    ...pair('one'),
  ]
  await using program = startCli([...args, '--processes', '1', '--threads', '1'])
  const [url = ''] = await program.ready()
  assert.match(url, /^https:/)
  assert.is((await handshake(portOf(url))).name, 'localhost')
  assert.is((await handshake(portOf(url), { servername: 'www.one.test' })).name, 'one.test')
  const alone = await runCli([fixture('http'), '--tls-key', folder.file('one.key')])
  assert.is(alone.code, 2)
  assert.match(alone.stderr, /tlsKey: .*FT_ERR_OPTION/s)
})

testWith('curl', 'curl asks by HTTP/1.1 and by HTTP/2', async () => {
  await using serving = await serve('who', https)
  for (const flag of ['--http1.1', '--http2']) {
    const version = ['-sSk', flag, '-o', '/dev/null', '-w', '%{http_version} %{http_code}']
    const out = await runTool('curl', [...version, serving.url])
    assert.is(out, flag === '--http2' ? '2 200' : '1.1 200')
  }
})

test.run()
