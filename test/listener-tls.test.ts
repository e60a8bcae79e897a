/** Listeners with certificates of their own, beside those of the pool. */

import { writeFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import { inspect } from 'node:util'
import type { PoolOptions } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPool, ForkthreadError } from '#dist/index.js'
import { local, one, two } from './support/certificates.js'
import { runCli, startCli } from './support/cli.js'
import { get, portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { handshake, secureGet } from './support/tls.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const ANY = 'https://127.0.0.1:0'

const nameAt = async (address: string | undefined, servername = 'localhost'): Promise<string> =>
  (await handshake(portOf(address ?? ''), { servername })).name

async function failureOf(promise: Promise<unknown>): Promise<ForkthreadError> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.instance(error, ForkthreadError)
  return error as ForkthreadError
}

test('each listener shows its own, chosen by name among its own; the others show those of the pool', async () => {
  const listen = [
    { address: ANY, tls: one },
    // Without https:// in front it is TLS all the same.
    { address: '127.0.0.1:0', tls: [two, one] },
    ANY,
    { address: '127.0.0.1:0' },
  ]
  await using serving = await serve('http', { listen, tls: local })
  const [first, second, third, clear = ''] = serving.pool.addresses
  assert.match(second ?? '', /^https:/)
  assert.is(await nameAt(first), 'one.test')
  assert.is(await nameAt(first, 'two.test'), 'one.test')
  assert.is(await nameAt(second), 'two.test')
  assert.is(await nameAt(second, 'www.one.test'), 'one.test')
  assert.is(await nameAt(third), 'localhost')
  assert.is(await nameAt(third, 'one.test'), 'localhost')
  assert.is(await secureGet(`${first}/`), 'hello\n')
  assert.is(await (await fetch(clear)).text(), 'hello\n')
})

test('a key of the pool is for the listeners that have none, and they are not in clear', async () => {
  const listen = [{ address: ANY, tls: one }, '127.0.0.1:0']
  await using serving = await serve('http', { listen, tls: two })
  assert.is(await nameAt(serving.pool.addresses[1]), 'two.test')
})

test('without a key of the pool the others are in clear', async () => {
  await using serving = await serve('http', { listen: ['127.0.0.1:0', { address: ANY, tls: one }] })
  const [clear = '', secure] = serving.pool.addresses
  assert.is(await (await fetch(clear)).text(), 'hello\n')
  assert.is(await nameAt(secure), 'one.test')
})

test('raw handlers, too, each with its protocol', async () => {
  const listen = [
    { address: ANY, tls: one },
    { address: ANY, tls: { ...two, maxVersion: 'TLSv1.2' as const } },
  ]
  await using serving = await serve('raw', { listen })
  const shown = await Promise.all(
    serving.pool.addresses.map(
      async (address) =>
        await new Promise<string>((resolve, reject) => {
          const options = { port: portOf(address), rejectUnauthorized: false }
          const socket = connectTls(options, () => {
            const name = socket.getPeerCertificate().subject.CN
            resolve(`${name} ${socket.getProtocol()}`)
            socket.destroy()
          })
          socket.once('error', reject)
        }),
    ),
  )
  assert.equal(shown, ['one.test TLSv1.3', 'two.test TLSv1.2'])
})

test('who may come in by one listener may not come in by another with its ticket', async () => {
  const strict = { ...two, ca: two.cert, requestCert: true, rejectUnauthorized: true }
  await using serving = await serve('http', {
    listen: [
      { address: ANY, tls: one },
      { address: ANY, tls: strict },
      // What tells listeners apart is how their addresses are written, and not the port that 0 becomes.
      { address: 'tls://127.0.0.1:0', tls: two },
    ],
  })
  const [open = 0, closed = 0, other = 0] = serving.pool.addresses.map(portOf)
  const options = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
  const { session } = await handshake(open, options)
  assert.ok(session)
  const told = { ...options, session }
  assert.ok((await handshake(open, told)).isReused)
  assert.not((await handshake(other, told)).isReused)
  const refused = await handshake(closed, told).catch((error: Error) => error)
  assert.ok(refused instanceof Error, 'without a certificate nobody comes in')
  const known = await handshake(closed, { ...told, ...two })
  assert.not(known.isReused)
  assert.match(known.text, /^HTTP\/1\.1 200/)
})

test('the files of one are renewed, and what is of no use at one holds up no other', async () => {
  using folder = tempFolder()
  const put = (name: string, { key, cert } = local) => {
    writeFileSync(folder.file(`${name}.key`), key)
    writeFileSync(folder.file(`${name}.crt`), cert)
    return { key: folder.file(`${name}.key`), cert: folder.file(`${name}.crt`) }
  }
  const listen = [
    { address: ANY, tls: put('a') },
    { address: ANY, tls: put('b') },
  ]
  await using serving = await serve('http', { listen, tls: one, threads: 2 })
  const [first, second] = serving.pool.addresses
  writeFileSync(folder.file('a.key'), 'none')
  put('b', two)
  const isRenewed = async (): Promise<boolean> => (await nameAt(second)) === 'two.test'
  await until(isRenewed, LIMIT_MS, 'the new certificate')
  assert.is(await nameAt(first), 'localhost')
  await until(() => serving.errors.length > 0, LIMIT_MS, 'the report')
  assert.is(serving.errors[0]?.code, 'FT_ERR_TLS')
  assert.ok(serving.errors[0]?.message.includes(folder.file('a.key')))
  put('a', one)
  const isMended = async (): Promise<boolean> => (await nameAt(first)) === 'one.test'
  await until(isMended, LIMIT_MS, 'the certificate of the other')
  assert.is(serving.pool.stats().totals.reloads, 0)
})

test('a reload takes up new ones; what is of no use is told with its address and without the key', async () => {
  const listen = (tls: PoolOptions['tls']) => [
    { address: ANY, tls: local },
    { address: ANY, tls },
  ]
  await using serving = await serve('http', { listen: listen(one), canaryTime: 0 })
  const [first, second] = serving.pool.addresses
  await serving.pool.reload({ listen: listen(two) })
  assert.is(await nameAt(first), 'localhost')
  assert.is(await nameAt(second), 'two.test')
  const wrong = await failureOf(
    serving.pool.reload({ listen: listen({ key: one.key, cert: two.cert }) }),
  )
  assert.is(wrong.code, 'FT_ERR_TLS')
  assert.match(wrong.message, /cert of https:\/\/127\.0\.0\.1:0 .*key of https:\/\/127\.0\.0\.1:0/s)
  const moved = await failureOf(serving.pool.reload({ listen: [{ address: 0, tls: one }] }))
  assert.is(moved.code, 'FT_ERR_OPTION_FIXED')
  for (const error of [wrong, moved]) assert.not.match(inspect(error), 'BEGIN')
  assert.is(await nameAt(second), 'two.test')
})

test('a program that speaks no TLS is not served at such a listener', async () => {
  using folder = tempFolder()
  const handler = folder.file('app.mjs')
  writeFileSync(handler, "import { createServer } from 'node:http'\ncreateServer().listen(8080)\n")
  const error = await failureOf(createPool({ handler, listen: [{ address: ANY, tls: one }] }))
  assert.is(error.code, 'FT_ERR_TLS')
})

test('from a configuration file, over an upgrade', async () => {
  using folder = tempFolder()
  const configure = (first: object, second: object): void => {
    const listen = [
      { address: ANY, tls: first },
      { address: ANY, tls: second },
    ]
    const sizes = { processes: 1, threads: 1, canaryTime: 100 }
    const options = { handler: fixture('http'), listen, admin, ...sizes }
    writeFileSync(folder.file('config.json'), JSON.stringify(options))
  }
  const admin = `unix:${folder.file('admin')}`
  configure(one, two)
  await using program = startCli(['--config', folder.file('config.json')])
  const [first, second] = await program.ready(2)
  assert.is(await nameAt(first), 'one.test')
  assert.is(await nameAt(second), 'two.test')
  configure(one, local)
  const { code, stderr } = await runCli(['upgrade', '--admin', admin])
  assert.is(code, 0, stderr)
  await until(() => !isRunning(program.pid), LIMIT_MS, 'the end of the old parent')
  const status = await get('http://localhost/status.json', { socketPath: folder.file('admin') })
  program.adopt(JSON.parse(status.body).pid)
  assert.is(await nameAt(first), 'one.test')
  assert.is(await nameAt(second), 'localhost')
})

test.run()
