/** A thread that serves in the clear loads nothing of Node's that costs milliseconds and memory, and that it has no use for. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { serve } from './support/serve.js'

/** Of undici any part: from Node 22 on an `import` of `node:http` loads it for the sake of `WebSocket`. */
const NEEDLESS =
  /^NativeModule (tls|https|http2|crypto|internal\/crypto\/.+|internal\/deps\/undici\/.+)$/

async function loaded(): Promise<string[]> {
  await using pool = await serve('loaded-modules')
  const { body } = await get(pool.url)
  return JSON.parse(body) as string[]
}

test('neither TLS nor HTTP/2 nor undici is loaded for a handler of HTTP', async () => {
  const names = await loaded()
  assert.ok(names.includes('NativeModule http'), 'the list is what it was taken for')
  assert.equal(
    names.filter((name) => NEEDLESS.test(name)),
    [],
  )
})

test('of koffi a thread loads the addon alone', async () => {
  const [addon, ...others] = (await loaded()).filter((name) => /^\/.*koffi/.test(name))
  assert.match(addon ?? '', /\/koffi\.node$/)
  assert.equal(others, [])
})

test.run()
