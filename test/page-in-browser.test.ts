/** The page in a real browser: it shows what there is, on any screen, live, and what users send stays text. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Chromium } from './support/chromium.js'
import { get, raw } from './support/http.js'
import { serve } from './support/serve.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

/** Where the screenshots go, to be looked at. */
const { FORKTHREAD_SCREENSHOTS: screenshots } = process.env

/** Runs if any of it is taken for markup; a path has no spaces. */
const HOSTILE = `<img/src=x/onerror=document.title='pwned'><script>document.title='pwned'</script>`

testWith('chromium', 'the page in a browser', async () => {
  const sizes = { processes: 2, threads: 2, slowThreshold: 100 }
  await using serving = await serve('routes', {
    ...sizes,
    metrics: '127.0.0.1:0',
    drainTimeout: 500,
  })
  const { url, pool } = serving
  const page = `${pool.metricsAddress}/`
  // As it is: what makes a URL of it would encode it.
  const ask = (what: string): Promise<unknown> => {
    const request = `GET /${what}/${HOSTILE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    return raw(serving.port, request, { timeoutMs: 60_000 }).catch(() => undefined)
  }
  const waiting = ask('wait')
  await ask('throw')
  await ask('busy')
  await get(`${url}/exit`).catch(() => undefined)
  await pool.reload()
  const still = ask('wait')

  await using chromium = await Chromium.start()
  const text = (id: string): Promise<string> =>
    chromium.evaluate(`document.getElementById('${id}').innerText`)
  const shows = (id: string, what: RegExp): Promise<unknown> =>
    until(async () => what.test(await text(id)), 30_000, `${what} in #${id}`)
  const open = async (width: number, scheme: 'light' | 'dark'): Promise<string> => {
    await chromium.open(page, { width, height: width < 600 ? 844 : 900, scheme })
    // The document before it may still be there.
    await until(
      () => chromium.evaluate(`innerWidth === ${width} && document.readyState === 'complete'`),
      30_000,
      `a page ${width} px wide`,
    )
    await shows('health', /^Serving: \d of \d threads idle/)
    await shows('board', /Process \d[\s\S]*generation 1/)
    await shows('slow', /GET \/busy\//)
    const widths = await chromium.evaluate('document.documentElement.scrollWidth - innerWidth')
    assert.is(widths, 0, `nothing is wider than ${width} px`)
    const png = await chromium.screenshot()
    assert.ok(png.length > 20_000, `${png.length} bytes`)
    if (screenshots !== undefined) {
      mkdirSync(screenshots, { recursive: true })
      writeFileSync(join(screenshots, `page-${width}-${scheme}.png`), png)
    }
    return await chromium.evaluate('getComputedStyle(document.body).backgroundColor')
  }

  const light = await open(1280, 'light')
  assert.is.not(await open(1280, 'dark'), light)
  await open(390, 'dark')
  assert.is(await open(390, 'light'), light)

  // What users have sent is there as text, wherever it is shown.
  await shows('running', /GET \/wait\/<img\/src=x/)
  await shows('board', /W[\s\S]*GET \/wait\/<img/)
  await shows('events', /death[\s\S]*process\.exit/)
  await shows('events', /error[\s\S]*\/throw\/<img\/src=x[\s\S]*<script>/)
  await shows('events', /reload 1 done/)
  await shows('totals', /thread deaths\s+1/)
  await shows('listeners', /127\.0\.0\.1:\d+\s+\d+ of \d+/)
  await shows('memory', /process \d\s+\d+\sMiB/)
  const strange = 'document.querySelectorAll("img, main script, iframe, a").length'
  assert.is(await chromium.evaluate(strange), 0)
  assert.is(await chromium.evaluate('document.title'), 'forkthread')
  assert.equal(chromium.complaints, [], 'nothing was blocked, nothing failed')

  // Live: what comes now is seen without a reload.
  await chromium.evaluate('window.isSame = true')
  const { requests } = pool.stats().totals
  for (let asked = 0; asked < 3; asked++) await get(url)
  await shows('totals', new RegExp(`requests\\s+${requests + 3}\\b`))
  assert.is(await chromium.evaluate('window.isSame'), true)

  // And if markup got in after all, the policy would not let it run.
  const inject = `document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ran = 1">')
    document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))`
  await chromium.evaluate(inject)
  await until(() => chromium.complaints.length > 1, 30_000, 'both are refused')
  assert.is(await chromium.evaluate('window.ran'), undefined)

  await pool.kill()
  await shows('health', /^No answer/)
  await Promise.all([waiting, still])
})

test.run()
