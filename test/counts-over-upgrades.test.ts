/** No counter goes back at an upgrade, and what the children of a parent that leaves still serve is counted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from './support/cli.js'
import { get, keepAliveAgent, type Reply } from './support/http.js'
import { fixture } from './support/paths.js'
import { children, isRunning, send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 60_000
const CLIENTS = 6
const SCRAPE_EVERY_MS = 20

/** Each sample of a counter or histogram, by its name and labels; those of one process are not of the pool. */
function counters(text: string): Map<string, number> {
  const counted = new Set<string>()
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name = '', type] = /^# TYPE (\S+) (\S+)/.exec(line) ?? []
    if (type === 'counter') counted.add(name)
    if (type === 'histogram')
      for (const part of ['_bucket', '_sum', '_count']) counted.add(name + part)
    const [, sample = '', value] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    const family = sample.replace(/\{.*/, '')
    if (counted.has(family) && !family.startsWith('process_')) samples.set(sample, Number(value))
  }
  return samples
}

function sum(samples: ReadonlyMap<string, number>, pattern: RegExp): number {
  return [...samples].reduce((all, [name, value]) => all + (pattern.test(name) ? value : 0), 0)
}

const COUNT = /^http_server_request_duration_seconds_count/
const FIGURES = [COUNT, /^forkthread_requests_total/, /^forkthread_connections_accepted_total/]

/** A client that is kept from running for seconds may ask on a connection that is over by then: that is no matter here. */
async function untilAnswered(ask: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    }
  }
}

test('over two upgrades under load no scrape finds less than one before, and every answer is counted', async () => {
  using folder = tempFolder()
  const admin = folder.file('admin')
  const options = ['--listen', '127.0.0.1:0', '--admin', `unix:${admin}`, '--canary-time', '200']
  const sizes = ['--processes', '2', '--threads', '1', '--recycle-requests', '400']
  await using program = startCli([fixture('routes'), ...options, ...sizes])
  const [url = ''] = await program.ready()
  let parent = program.pid

  // Before the load, for it cuts off whom it serves.
  send(children(parent)[0] ?? 0, 'SIGKILL')
  await program.output(/SIGKILL/, 'stderr')

  let answered = 0
  let isOver = false
  const client = async (): Promise<void> => {
    const agent = keepAliveAgent()
    while (!isOver) {
      // Some take longer than the hand-over: children of an old parent have something to finish.
      const path = answered % 50 === 0 ? '/later/1500' : '/users/1'
      const { status } = await untilAnswered(() => get(url + path, { agent }))
      assert.is(status, 200)
      answered++
    }
    agent.destroy()
  }
  let last = new Map<string, number>()
  const scrape = async (): Promise<Map<string, number>> => {
    const { body, status } = await untilAnswered(() =>
      get('http://localhost/metrics', { socketPath: admin }),
    )
    assert.is(status, 200, body)
    const now = counters(body)
    for (const [name, before] of last) {
      const value = now.get(name)
      assert.ok(value !== undefined && value >= before, `${name}: ${value} after ${before}`)
    }
    last = now
    return now
  }
  const scraper = async (): Promise<void> => {
    while (!isOver) {
      await scrape()
      await sleep(SCRAPE_EVERY_MS)
    }
  }
  const all = Promise.all([scraper(), ...Array.from({ length: CLIENTS }, client)])
  const work = (async () => {
    await until(() => answered > 500, LIMIT_MS, 'some load')
    assert.is((await runCli(['reload', '--admin', `unix:${admin}`])).code, 0)
    for (let round = 0; round < 2; round++) {
      const old = parent
      assert.is((await runCli(['upgrade', '--admin', `unix:${admin}`])).code, 0)
      await until(() => !isRunning(old), LIMIT_MS, 'the end of the old parent')
      const { body } = await get('http://localhost/status.json', { socketPath: admin })
      parent = JSON.parse(body).pid
      program.adopt(parent)
      const before = answered
      await until(() => answered > before + 200, LIMIT_MS, 'load on the new parent')
    }
  })()
  await Promise.race([all, work])
  isOver = true
  await all
  await until(
    async () => {
      const now = await scrape()
      return FIGURES.slice(0, 2).every((figure) => sum(now, figure) >= answered)
    },
    30_000,
    'all counted',
  ).catch(() => undefined)
  for (const figure of FIGURES.slice(0, 2))
    assert.ok(sum(last, figure) >= answered, `${figure}: ${sum(last, figure)} of ${answered}`)
  assert.ok(sum(last, /^forkthread_connections_accepted_total/) >= CLIENTS)
  assert.is(sum(last, /^forkthread_deaths_total\{.*SIGKILL/), 1)
  assert.is(sum(last, /^forkthread_reloads_total\{.*done/), 1)
  assert.ok(sum(last, /^forkthread_recyclings_total\{.*requests/) > 0)
  const { body } = await get('http://localhost/status.json', { socketPath: admin })
  const { totals, uptimeMs, generation } = JSON.parse(body)
  assert.is(totals.childDeaths, 1)
  assert.is(totals.reloads, 1)
  assert.is(generation, 0)
  assert.ok(totals.requests >= answered)
  // Rates are made of these two, so they begin together.
  assert.ok(uptimeMs > 1000)
})

test.run()
