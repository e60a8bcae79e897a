/** The recipes of docs/frameworks.md for exporting a handler or a server, as far as their frameworks are here. */
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { frameworkRows, ROW_FILES, testRows } from './support/framework-rows.js'
import { get } from './support/http.js'
import { serve } from './support/serve.js'
import { within } from './support/until.js'

const LIMIT_MS = 30_000

/** Answers before and after a reload. */
const serves = (name: string, hello: string) => async (): Promise<void> => {
  await using serving = await serve(`frameworks/${name}`, { canaryTime: 50 })
  assert.equal(JSON.parse((await get(serving.url)).body), { hello })
  await serving.pool.reload()
  assert.equal(JSON.parse((await get(serving.url)).body), { hello })
  assert.equal(serving.errors, [])
}

async function webSockets(): Promise<void> {
  await using serving = await serve('frameworks/ws', { canaryTime: 50 })
  assert.equal(JSON.parse((await get(serving.url)).body), { hello: 'ws' })
  for (const word of ['before', 'after']) {
    const socket = new WebSocket(serving.url.replace('http', 'ws'))
    const closed = once(socket, 'close')
    await within(once(socket, 'open'), LIMIT_MS, 'open')
    socket.send(word)
    const [answer] = await within(once(socket, 'message'), LIMIT_MS, 'an answer')
    assert.is(String(answer), `heard ${word}`)
    await serving.pool.reload()
    const [code] = await within(closed, LIMIT_MS, 'the goodbye')
    assert.is(code, 1001)
  }
  assert.equal(serving.errors, [])
}

testRows('frameworks', {
  'Express: export default app': serves('express', 'Express'),
  'Fastify: [exported](frameworks.md)': serves('fastify', 'Fastify'),
  'Koa: export default app.callback()': serves('koa', 'Koa'),
  'NestJS: [exported](frameworks.md)': serves('nest', 'Nest'),
  'Hono: export default app': serves('hono', 'Hono'),
  'h3: export default toNodeHandler(app)': serves('h3', 'h3'),
  'ws: with a server, which is exported': webSockets,
})

test('every row of the table names a test that runs it', () => {
  for (const { name, file } of frameworkRows)
    assert.ok((ROW_FILES as readonly string[]).includes(file), `${name}: ${file}`)
})

test.run()
