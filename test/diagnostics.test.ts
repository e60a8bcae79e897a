/** What tools that watch from inside see: diagnostics_channel, and a preload in the manner of OpenTelemetry's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { serve } from './support/serve.js'

const ways = {
  'execArgv of the threads': { execArgv: [`--import=${fixture('preload')}`] },
}

for (const [what, options] of Object.entries(ways)) {
  test(`a preload by ${what} works in every thread: spans, Node's channels and the pool's`, async () => {
    await using serving = await serve('traced', { threads: 2, ...options })
    const replies = await Promise.all(Array.from({ length: 8 }, () => get(serving.url)))
    for (const { body, headers } of replies) {
      const { span, events } = JSON.parse(body) as { span: number; events: string[] }
      assert.ok(span > 0, body)
      assert.is(headers['x-seen'], 'GET true')
      for (const name of ['http.server.request.start', 'net.server.socket'])
        assert.ok(events.includes(name), `${name}: ${events}`)
      for (const name of ['connection.open', 'request.start', 'thread.state'])
        assert.ok(events.includes(`forkthread.${name}`), `${name}: ${events}`)
    }
    const again = JSON.parse((await get(serving.url)).body) as { events: string[] }
    assert.ok(again.events.includes('forkthread.request.end'))
  })
}

test.run()
