/** Programs as frameworks' documentation has people write them run unchanged, and clients notice nothing of a reload. */
import { writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { io } from 'socket.io-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { local } from './support/certificates.js'
import { type Program, startCli } from './support/cli.js'
import { freePort } from './support/free-port.js'
import { get } from './support/http.js'
import { example } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { secureGet } from './support/tls.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const SIZE = ['--processes', '1', '--threads', '2', '--canary-time', '100']

async function reload(program: Program): Promise<void> {
  program.send('SIGHUP')
  await program.output(/all processes are of the new generation/, 'stderr')
}

async function ends(program: Program): Promise<void> {
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null }, program.stderr)
  assert.not.match(program.stderr, 'FT_ERR')
  await program.gone()
}

/** Asks again and again while `during` runs; every answer has to be there and to be right. */
async function throughout(ask: () => Promise<string>, expected: string, during: Promise<void>) {
  let isOver = false
  const over = during.finally(() => {
    isOver = true
  })
  do assert.is(await ask(), expected)
  while (!isOver)
  await over
}

const pages: Readonly<Record<string, string>> = {
  express: 'Hello World!',
  fastify: '{"hello":"world"}',
  koa: 'Hello Koa',
  nest: 'Hello Nest',
}

for (const [name, page] of Object.entries(pages)) {
  test(`${name}: its app listens, and a reload costs no request`, async () => {
    const file = example('programs', `${name}.js`)
    await using program = startCli([file, '--listen', '127.0.0.1:0', ...SIZE])
    const [url = ''] = await program.ready()
    const ask = async (): Promise<string> => (await get(url)).body
    await throughout(ask, page, reload(program))
    await ends(program)
    if (name === 'nest') assert.match(program.stdout, 'Nest shuts down: SIGTERM')
  })
}

test('ws: a client is told when its thread leaves, and comes back to another one', async () => {
  const file = example('programs', 'ws.js')
  await using program = startCli([file, '--listen', '127.0.0.1:0', ...SIZE])
  const [url = ''] = await program.ready()
  const talk = async (): Promise<{
    readonly closed: Promise<number>
    readonly heard: string[]
  }> => {
    const socket = new WebSocket(url.replace('http', 'ws'))
    const heard: string[] = []
    socket.on('message', (data) => heard.push(String(data)))
    const closed = new Promise<number>((resolve) => socket.once('close', resolve))
    socket.once('open', () => socket.send('hello'))
    await until(() => heard.length === 2, LIMIT_MS, 'an answer')
    return { closed, heard }
  }
  const first = await talk()
  assert.equal(first.heard, ['something', 'received: hello'])
  await reload(program)
  assert.is(await within(first.closed, LIMIT_MS, 'the goodbye'), 1001)
  const second = await talk()
  await ends(program)
  assert.is(await within(second.closed, LIMIT_MS, 'the goodbye'), 1001)
})

test('socket.io: a client that was disconnected by a reload connects again by itself', async () => {
  const file = example('programs', 'socket-io.js')
  await using program = startCli([file, '--listen', '127.0.0.1:0', ...SIZE])
  const [url = ''] = await program.ready()
  const socket = io(url, { transports: ['websocket'], reconnectionDelay: 100 })
  try {
    const hello = async (): Promise<string> =>
      await socket.timeout(LIMIT_MS).emitWithAck('hello', 'Ada')
    assert.is(await hello(), 'Hello Ada')
    const back = new Promise<void>((resolve) => {
      socket.once('disconnect', () => socket.once('connect', resolve))
    })
    await reload(program)
    await within(back, LIMIT_MS, 'the second connection')
    assert.is(await hello(), 'Hello Ada')
  } finally {
    socket.close()
  }
  await ends(program)
})

test('https and http2: two servers of one program, each at its own port', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), local.cert)
  const env = { KEY: folder.file('key.pem'), CERT: folder.file('cert.pem') }
  const ports = [String(await freePort()), String(await freePort())]
  const listen = ports.flatMap((port) => ['--listen', `127.0.0.1:${port}`])
  const file = example('programs', 'https-http2.js')
  await using program = startCli([file, ...listen, ...SIZE, '--', ...ports], { env })
  const [first = '', second = ''] = await program.ready(2)
  assert.is(first, `https://127.0.0.1:${ports[0]}`)
  const ask = async (): Promise<string> =>
    [await secureGet(first), await secureGet(second), await http2Get(second)].join('')
  const expected = 'Hello from HTTPS\nHello from HTTP/1.1\nHello from HTTP/2.0\n'
  await throughout(ask, expected, reload(program))
  await ends(program)
})

async function http2Get(url: string): Promise<string> {
  const session: ClientHttp2Session = connect(url, { rejectUnauthorized: false })
  try {
    const stream = session.request({ ':path': '/' })
    let text = ''
    for await (const chunk of stream) text += chunk
    return text
  } finally {
    session.close()
  }
}

test.run()
