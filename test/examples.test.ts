/** Every example does what its leading comment says, through the real command, and leaves cleanly. */
import { writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { local } from './support/certificates.js'
import { type Program, startCli, startScript } from './support/cli.js'
import { get, keepAliveAgent, portOf, raw } from './support/http.js'
import { ask, connectHttp2 } from './support/http2.js'
import { example } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { secureGet } from './support/tls.js'

/** Serves an example, has `check` ask it something, and stops it as an operator would. */
async function serve(name: string, check: (address: string, program: Program) => Promise<void>) {
  const listen = ['--listen', '127.0.0.1:0']
  const size = ['--processes', '1', '--threads', '2']
  await using program = startCli([example(name), ...listen, ...size])
  const [address = ''] = await program.ready()
  await check(address, program)
  await stopsCleanly(program)
}

async function stopsCleanly(program: Program) {
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null }, program.stderr)
  await program.gone()
}

test('hello names the process and the thread that answered', async () => {
  await serve('hello', async (address, program) => {
    assert.match(address, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    const reply = await get(address)
    assert.is(reply.status, 200)
    const [, pid] = reply.body.match(/^Hello from pid (\d+) \(process \d+\), thread \d+\n$/) ?? []
    assert.ok(pid, reply.body)
    assert.ok(program.children().includes(Number(pid)), 'a child of the pool answered')
  })
})

test('hello serves one keep-alive connection request after request', async () => {
  await serve('hello', async (address) => {
    const agent = keepAliveAgent()
    try {
      assert.not((await get(address, { agent })).reusedConnection)
      assert.ok((await get(address, { agent })).reusedConnection)
    } finally {
      agent.destroy()
    }
  })
})

test('express routes, reads JSON and answers errors', async () => {
  await serve('express', async (address) => {
    assert.is((await get(address)).body, 'Hello from Express\n')
    assert.equal(JSON.parse((await get(`${address}/hello/Ada`)).body), { hello: 'Ada' })

    const post = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const sum = await get(`${address}/sum`, { ...post, body: '[1, 2, 3]' })
    assert.equal(JSON.parse(sum.body), { sum: 6 })
    assert.is((await get(`${address}/sum`, { ...post, body: '{}' })).status, 400)
    assert.is((await get(`${address}/nowhere`)).status, 404)
  })
})

test('hono answers through the Fetch API', async () => {
  await serve('hono', async (address) => {
    assert.is((await get(address)).body, 'Hello from Hono\n')
    assert.equal(JSON.parse((await get(`${address}/hello/Ada`)).body), { hello: 'Ada' })
    const upper = await get(`${address}/upper`, { method: 'POST', body: 'quiet' })
    assert.is(upper.body, 'QUIET')
    assert.is((await get(`${address}/countdown`)).body, '3\n2\n1\nlift-off\n')
    assert.is((await get(`${address}/nowhere`)).status, 404)
  })
})

test('echo sends back what it receives', async () => {
  await serve('echo', async (address) => {
    assert.match(address, /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/)
    const bytes = Buffer.alloc(100_000, 'forkthread\r\n\0\xff', 'latin1')
    const received = await raw(portOf(address), bytes, { halfClose: true })
    assert.ok(received.equals(bytes), `${received.length} of ${bytes.length} bytes came back`)
  })
})

test('markdown renders what is posted, and its own long document', async () => {
  await serve('markdown', async (address) => {
    const posted = await get(address, { method: 'POST', body: '# Title\n\n<b>*word*</b>\n' })
    assert.is(posted.body, '<h1>Title</h1>\n<p>&lt;b&gt;<em>word</em>&lt;/b&gt;</p>\n')
    assert.match(String(posted.headers['server-timing']), /^render;dur=\d/)

    const builtIn = await get(`${address}/?sections=20`)
    assert.is(builtIn.body.match(/<h2>/g)?.length, 20)

    const tooLarge = await get(address, {
      method: 'POST',
      body: Buffer.alloc(1024 * 1024 + 1, 'x'),
    })
    assert.is(tooLarge.status, 413)
  })
})

test('tls serves HTTP/2 and HTTP/1.1 with one key and certificate', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), local.cert)
  const files = ['--tls-key', folder.file('key.pem'), '--tls-cert', folder.file('cert.pem')]
  const listen = ['--listen', 'https://127.0.0.1:0', ...files]
  await using program = startCli([example('tls'), ...listen, '--processes', '1', '--threads', '2'])
  const [address = ''] = await program.ready()
  assert.match(await secureGet(address), /^HTTP\/1\.1 for 127\.0\.0\.1, by pid \d+/)
  const session = await connectHttp2(address)
  assert.match((await ask(session, '/')).body, /^HTTP\/2\.0 for 127\.0\.0\.1, by pid \d+/)
  session.close()
  await stopsCleanly(program)
})

test('pool-api makes a pool, prints its statistics and closes it', async () => {
  await using program = startScript(example('pool-api', 'main.js'), [], { env: { PORT: '0' } })
  const [address = ''] = await program.ready()
  const reply = await get(address)
  assert.match(reply.body, /^Hello from pid \d+, thread \d+\n$/)
  await stopsCleanly(program)
  await program.outputEnd()
  // The client has its reply a moment before the thread has counted it.
  assert.match(program.stdout, /^\[.{4}\] [01] requests, [34] threads idle\nclosed\n$/m)
})

test.run()
