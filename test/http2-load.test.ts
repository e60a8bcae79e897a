/** HTTP/2 by the tools that people measure with, over reloads: no request fails. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { local } from './support/certificates.js'
import { serve } from './support/serve.js'
import { runTool, testWith } from './support/tools.js'

const ways = {
  'over TLS': { listen: 'https://127.0.0.1:0', tls: local },
  'in clear': { listen: '127.0.0.1:0' },
} as const

for (const [way, options] of Object.entries(ways)) {
  testWith('h2load', `${way}: h2load over reloads, and no request fails`, async () => {
    const size = { processes: 2, threads: 2, canaryTime: 0 }
    await using serving = await serve('who', { ...options, ...size })
    let isOver = false
    // It does not connect again after a GOAWAY, so it is started anew.
    const load = (async () => {
      let served = 0
      for (let run = 0; run < 2 || (served === 0 && run < 20); run++) {
        const out = await runTool('h2load', ['-D', '1', '-c', '4', '-m', '10', serving.url])
        assert.match(out, / succeeded, 0 failed, 0 errored, 0 timeout/, out)
        // On a busy machine its second may be over before it has sent anything.
        served += Number(/requests: (\d+) total/.exec(out)?.[1])
      }
      assert.ok(served > 0)
    })()
    const reloads = (async () => {
      while (!isOver) await serving.pool.reload()
    })()
    const over = load.finally(() => {
      isOver = true
    })
    // Both have an end before one of them is looked at: a reload must not outlive the pool.
    await Promise.allSettled([over, reloads])
    await Promise.all([over, reloads])
  })

  testWith('curl', `${way}: curl`, async () => {
    await using serving = await serve('who', { ...options, canaryTime: 0 })
    const flag = way === 'over TLS' ? '--http2' : '--http2-prior-knowledge'
    const shown = ['-sSk', flag, '-o', '/dev/null', '-w', '%{http_version} %{http_code}']
    const reloaded = serving.pool.reload()
    const failures: string[] = []
    for (let round = 0; round < 10; round++) {
      const out = await runTool('curl', [...shown, serving.url]).catch(String)
      if (out !== '2 200') failures.push(out)
    }
    await reloaded
    assert.equal(failures, [])
  })
}

test.run()
