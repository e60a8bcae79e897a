/** OpenTelemetry's own packages, loaded before the app in its threads: each request is a span, and a trace goes on through threads. */
import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Told } from './fixtures/spans.js'
import { get, keepAliveAgent } from './support/http.js'
import { fixture } from './support/paths.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const execArgv = [`--import=${fixture('open-telemetry')}`]

for (const [what, options] of Object.entries({
  'a handler': {},
  'a program that makes its own server': { args: ['as-program'] },
}))
  test(`${what}: spans of its own for each request, also on one connection, and the trace of who asks`, async () => {
    await using serving = await serve('spans', { threads: 2, processes: 2, execArgv, ...options })
    const agent = keepAliveAgent(2)
    const ask = async (): Promise<Told> => {
      const trace = randomBytes(16).toString('hex')
      const traceparent = `00-${trace}-${randomBytes(8).toString('hex')}-01`
      const { body } = await get(`${serving.url}/outer`, { agent, headers: { traceparent } })
      const told = JSON.parse(body) as Told
      // Of the client's trace, and so is what its handler has asked another thread.
      assert.is(told.trace, trace, body)
      assert.is(told.inner?.trace, trace, body)
      return told
    }
    const told = await Promise.all(Array.from({ length: 12 }, ask))
    const spans = told.flatMap(({ span, inner }) => [span, inner?.span])
    assert.is(new Set(spans).size, 24)
    await until(
      async () => (await ask()).ended.includes('/outer'),
      30_000,
      'spans that have ended are exported',
    )
    agent.destroy()
  })

test.run()
