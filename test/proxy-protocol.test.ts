/** The PROXY protocol: the client is who the proxy says; whoever does not say it rightly is shown out, and counted. */
import { once } from 'node:events'
import { connect as connectSession } from 'node:http2'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ForkthreadError } from '#dist/index.js'
import { local } from './support/certificates.js'
import { runCli, startCli } from './support/cli.js'
import { startHaproxy } from './support/haproxy.js'
import { get, keepAliveAgent, raw } from './support/http.js'
import { ask } from './support/http2.js'
import { fixture } from './support/paths.js'
import { type Serving, serve } from './support/serve.js'
import { secureGet } from './support/tls.js'
import { runTool, testWith } from './support/tools.js'
import { until as untilWithin } from './support/until.js'

const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 56300 443\r\n'
const V2 = Buffer.concat([
  Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  Buffer.from([0x21, 0x21, 0, 36]),
  Buffer.from('20010db800000000000000000000004220010db8000000000000000000000001', 'hex'),
  Buffer.from([0xdb, 0xec, 0x01, 0xbb]),
])
const LOCAL = Buffer.concat([V2.subarray(0, 12), Buffer.from([0x20, 0, 0, 0])])
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function bodyOf(reply: Buffer): {
  remoteAddress: string
  remotePort: number
  remoteFamily: string
} {
  const text = reply.toString('latin1')
  assert.match(text, /^HTTP\/1\.1 200 /)
  return JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '{}')
}

const until = (predicate: () => boolean): Promise<boolean> =>
  untilWithin(predicate, 20_000, String(predicate))

const proxyErrors = ({ pool }: Serving): number => pool.stats().totals.proxyErrors

test('the client is who the header says, in both versions, and the proxy itself where it says so', async () => {
  await using serving = await serve('peer', { proxyProtocol: true })
  const v1 = bodyOf(await raw(serving.port, V1 + REQUEST))
  assert.equal([v1.remoteAddress, v1.remotePort, v1.remoteFamily], ['192.0.2.7', 56300, 'IPv4'])
  const v2 = bodyOf(await raw(serving.port, Buffer.concat([V2, Buffer.from(REQUEST)])))
  assert.equal([v2.remoteAddress, v2.remotePort, v2.remoteFamily], ['2001:db8::42', 56300, 'IPv6'])
  const local = bodyOf(await raw(serving.port, Buffer.concat([LOCAL, Buffer.from(REQUEST)])))
  assert.is(local.remoteAddress, '127.0.0.1')
  assert.is(proxyErrors(serving), 0)
})

test('a header may come in pieces, and long before the request', async () => {
  await using serving = await serve('peer', { proxyProtocol: true, deferAccept: false })
  const whole = Buffer.concat([V2, Buffer.from(REQUEST)])
  for (const cuts of [[1], [13, 14, 15, 40], [V2.length], [V2.length + 5], [V2.length - 1]]) {
    const socket = connect({ port: serving.port, host: '127.0.0.1', noDelay: true })
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    const closed = once(socket, 'close')
    let at = 0
    for (const cut of [...cuts, whole.length]) {
      socket.write(whole.subarray(at, cut))
      at = cut
      // Long enough for the piece to be read by itself, mostly; the outcome is the same if not.
      await sleep(20)
    }
    await closed
    assert.is(bodyOf(Buffer.concat(chunks)).remoteAddress, '2001:db8::42')
  }
  assert.is(proxyErrors(serving), 0)
})

/** Closed without an answer; with a reset, where bytes were not read. */
async function refused(port: number, bytes: string): Promise<boolean> {
  try {
    return (await raw(port, bytes)).length === 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNRESET'
  }
}

test('a wrong header, or none, closes the connection and is counted', async () => {
  await using serving = await serve('peer', { proxyProtocol: true })
  for (const bytes of [REQUEST, `PROXY TCP4 nonsense\r\n${REQUEST}`, 'PROXY '.padEnd(5000, 'x')])
    assert.ok(await refused(serving.port, bytes))
  await until(() => proxyErrors(serving) === 3)
  // Looked at, not spoken to.
  const socket = connect({ port: serving.port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.end()
  await once(socket.resume(), 'close')
  assert.is(proxyErrors(serving), 3)
})

test('no header within the time-out: closed, and counted', async () => {
  const options = { proxyProtocol: true, deferAccept: false, headersTimeout: 300 }
  await using serving = await serve('peer', options)
  assert.ok(await refused(serving.port, ''))
  assert.ok(await refused(serving.port, 'PROXY TCP4 '))
  await until(() => proxyErrors(serving) === 2)
})

test('the header comes once: a second one on the same connection is a bad request', async () => {
  await using serving = await serve('peer', { proxyProtocol: true })
  const keep = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  const socket = connect({ port: serving.port, host: '127.0.0.1' })
  socket.setEncoding('latin1').write(V1 + keep)
  const closed = once(socket, 'close')
  let text = ''
  socket.on('data', (chunk) => {
    if (text === '') socket.write(V1.replace('.7', '.8') + keep)
    text += chunk
  })
  await closed
  assert.match(text, /^HTTP\/1\.1 200 [\s\S]*192\.0\.2\.7[\s\S]*HTTP\/1\.1 400 /)
  assert.not.match(text, /192\.0\.2\.8/)
})

test('each request of a keep-alive connection has the client, also where connections are parked', async () => {
  await using serving = await serve('peer', { proxyProtocol: true, keepAlive: 'park', threads: 2 })
  const keep = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  const socket = connect({ port: serving.port, host: '127.0.0.1' })
  socket.setEncoding('latin1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  for (let request = 1; request <= 5; request++) {
    socket.write(request === 1 ? V1 + keep : keep)
    await until(() => text.split('192.0.2.7').length === request + 1)
    // Time for the parker, if there were anything to park.
    await sleep(30)
  }
  socket.destroy()
})

test('raw connections have the client, too', async () => {
  await using serving = await serve('peer-raw', { proxyProtocol: true })
  const reply = await raw(serving.port, `${V1}and more`, {
    enough: (received) => received.includes('and more'),
  })
  assert.match(reply.toString(), /^\{"remoteAddress":"192\.0\.2\.7","remotePort":56300/)
})

for (const protocol of ['http/1.1', 'h2'])
  test(`over TLS with ${protocol} the header comes before the handshake`, async () => {
    const tls = { listen: 'https://127.0.0.1:0', tls: local }
    await using serving = await serve('peer', { ...tls, proxyProtocol: true })
    const below = connect({ port: serving.port, host: '127.0.0.1' })
    below.write(V2)
    const options = { ALPNProtocols: [protocol], rejectUnauthorized: false }
    const secure = connectTls({ socket: below, ...options })
    await once(secure, 'secureConnect')
    if (protocol === 'h2') {
      const session = connectSession(serving.url, { createConnection: () => secure })
      assert.match((await ask(session, '/')).body, /"remoteAddress":"2001:db8::42"/)
      session.destroy()
      return
    }
    secure.write(REQUEST)
    const chunks: Buffer[] = []
    for await (const chunk of secure) chunks.push(chunk)
    assert.is(bodyOf(Buffer.concat(chunks)).remoteAddress, '2001:db8::42')
  })

test('one listener takes headers, the other does not', async () => {
  const listen = ['127.0.0.1:0', '127.0.0.2:0']
  await using serving = await serve('peer', { listen, proxyProtocol: ['127.0.0.2:0'] })
  const [plain = '', proxied = ''] = serving.pool.addresses
  assert.match((await get(plain)).body, /"127\.0\.0\.1"/)
  const { hostname, port } = new URL(proxied)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.write(V1 + REQUEST)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  assert.is(bodyOf(Buffer.concat(chunks)).remoteAddress, '192.0.2.7')
})

test('what is listed must be a listener', async () => {
  try {
    await serve('peer', { listen: '127.0.0.1:0', proxyProtocol: ['127.0.0.1:1'] })
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ForkthreadError)
    assert.is((error as ForkthreadError).code, 'FT_ERR_OPTION')
  }
})

test('on the command line: a switch, or for one address', async () => {
  const address = '127.0.0.1:0'
  for (const flag of ['--proxy-protocol', `--proxy-protocol=${address}`]) {
    const args = [fixture('peer'), '--listen', address, flag, '--processes', '1', '--threads', '1']
    await using program = startCli(args)
    const [url = ''] = await program.ready()
    assert.is(bodyOf(await raw(Number(new URL(url).port), V1 + REQUEST)).remoteAddress, '192.0.2.7')
  }
  const { code, stderr } = await runCli([fixture('peer'), '--proxy-protocol=nonsense'])
  assert.is(code, 2)
  assert.match(stderr, /FT_ERR_ADDRESS/)
})

for (const [version, flag] of [
  ['v1', 'send-proxy'],
  ['v2', 'send-proxy-v2'],
] as const)
  testWith('haproxy', `behind haproxy with ${flag}`, async () => {
    await using serving = await serve('peer', { proxyProtocol: true, threads: 2 })
    await using proxy = await startHaproxy(serving.port, `${flag} check inter 100ms`)
    const agent = keepAliveAgent()
    for (let request = 0; request < 3; request++) {
      const { status, body } = await get(`http://127.0.0.1:${proxy.port}/`, {
        agent,
        headers: { 'x-version': version },
      })
      assert.is(status, 200)
      assert.is(JSON.parse(body).remoteAddress, '127.0.0.1')
    }
    agent.destroy()
    assert.is(proxyErrors(serving), 0)
  })

testWith('haproxy', 'behind haproxy that passes TLS through', async () => {
  const tls = { listen: 'https://127.0.0.1:0', tls: local }
  await using serving = await serve('peer', { ...tls, proxyProtocol: true })
  await using proxy = await startHaproxy(serving.port, 'send-proxy-v2', 'tcp')
  assert.match(await secureGet(`https://127.0.0.1:${proxy.port}`), /"127\.0\.0\.1"/)
  assert.is(proxyErrors(serving), 0)
})

testWith('curl', 'curl --haproxy-protocol', async () => {
  await using serving = await serve('peer', { proxyProtocol: true })
  const out = await runTool('curl', ['-sS', '--haproxy-protocol', serving.url])
  assert.is(JSON.parse(out).remoteAddress, '127.0.0.1')
})

test.run()
