/** The recipes of docs/frameworks.md for exporting a handler, as far as their frameworks are here. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { serve } from './support/serve.js'

for (const [name, hello] of Object.entries({ fastify: 'Fastify', koa: 'Koa', nest: 'Nest' })) {
  test(`${name}: an exported handler, before and after a reload`, async () => {
    await using serving = await serve(`frameworks/${name}`, { canaryTime: 50 })
    assert.equal(JSON.parse((await get(serving.url)).body), { hello })
    await serving.pool.reload()
    assert.equal(JSON.parse((await get(serving.url)).body), { hello })
    assert.equal(serving.errors, [])
  })
}

test.run()
