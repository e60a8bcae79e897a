/** Programs as frameworks' documentation has people write them run unchanged, and clients notice nothing of a reload. */
import { writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { io } from 'socket.io-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { local } from './support/certificates.js'
import { type Program, startCli } from './support/cli.js'
import { testRows } from './support/framework-rows.js'
import { freePort } from './support/free-port.js'
import { get, portOf } from './support/http.js'
import { example } from './support/paths.js'
import { RawClient } from './support/raw-client.js'
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

/** A reload costs no request of it. */
const serves = (name: string, page: string, goodbye?: string) => async (): Promise<void> => {
  const file = example('programs', `${name}.js`)
  await using program = startCli([file, '--listen', '127.0.0.1:0', ...SIZE])
  const [url = ''] = await program.ready()
  const ask = async (): Promise<string> => (await get(url)).body
  await throughout(ask, page, reload(program))
  await ends(program)
  if (goodbye !== undefined) assert.match(program.stdout, goodbye)
}

/** A client is told when its thread leaves, and comes back to another one. */
async function ws(): Promise<void> {
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
}

/** A client that was disconnected by a reload connects again by itself. */
async function socketIo(): Promise<void> {
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
}

/** Two servers of one program, each at its own port. */
async function secureServers(): Promise<void> {
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
}

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

/** Each answers what it is sent; the one of TLS behind a handshake. */
const ECHO = `import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createSecure } from 'node:tls'
const [clear, secure, key, cert] = process.argv.slice(2)
const echo = (socket) => socket.on('error', () => {}).pipe(socket)
createServer(echo).listen(clear)
createSecure({ key: readFileSync(key), cert: readFileSync(cert) }, echo).listen(secure)
`

async function rawServers(): Promise<void> {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), ECHO)
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), local.cert)
  const ports = [String(await freePort()), String(await freePort())]
  const own = [...ports, folder.file('key.pem'), folder.file('cert.pem')]
  const listen = ports.flatMap((port) => ['--listen', `127.0.0.1:${port}`])
  await using program = startCli([folder.file('app.mjs'), ...listen, ...SIZE, '--', ...own])
  const [first = '', second = ''] = await program.ready(2)
  const ask = async (): Promise<string> => {
    using client = await RawClient.connect(portOf(first))
    client.write('in clear ')
    await client.until(/in clear /)
    const secure = connectTls({ port: portOf(second), rejectUnauthorized: false })
    secure.end('ciphered')
    let text = ''
    for await (const chunk of secure) text += chunk
    return text
  }
  await throughout(ask, 'ciphered', reload(program))
  await ends(program)
}

testRows('program-examples', {
  'Express: app.listen()': serves('express', 'Hello World!'),
  'Fastify: fastify.listen()': serves('fastify', '{"hello":"world"}'),
  'Koa: app.listen()': serves('koa', 'Hello Koa'),
  'h3: serve(app)': serves('h3', 'Hello h3'),
  'NestJS: dist/main.js as it is': serves('nest', 'Hello Nest', 'Nest shuts down: SIGTERM'),
  'ws: new WebSocketServer({ port })': ws,
  "Socket.IO: as it is, transports: ['websocket']": socketIo,
  'https, http2: createServer().listen()': secureServers,
  'net, tls: createServer().listen()': rawServers,
})

test.run()
