/** Clients of many kinds that keep their connections, while one reload follows the other: none of them sees a failure. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, startHaproxy } from './support/haproxy.js'
import { get, keepAliveAgent } from './support/http.js'
import { type Serving, serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { runTool, testWith } from './support/tools.js'
import { until } from './support/until.js'

/** For so long the clients ask, and reloads run. */
const SECONDS = 2
const CLIENTS = 8
/** One reload behind the other would leave the clients little of the machine. */
const BETWEEN_RELOADS_MS = 500

const options = { processes: 2, threads: 2, canaryTime: 0, keepAliveTimeout: 60_000 } as const

/** Reloads as long as the clients ask, and lets them ask between two of them; how many there were. */
async function whileReloading(serving: Serving, ask: () => Promise<unknown>): Promise<number> {
  let isOver = false
  const asked = ask().finally(() => {
    isOver = true
  })
  let reloads = 0
  // At least two, whatever the machine does.
  while (!isOver || reloads < 2) {
    await serving.pool.reload()
    reloads++
    await Promise.race([asked, sleep(BETWEEN_RELOADS_MS)])
  }
  await asked
  return reloads
}

/** Clients that ask one thing after the other, with short pauses; how many answers there were. */
async function askAll(one: (path: string) => Promise<number>): Promise<number> {
  let answers = 0
  const end = performance.now() + SECONDS * 1000
  const client = async (_: unknown, index: number): Promise<void> => {
    for (let n = 0; performance.now() < end; n++) {
      assert.is(await one(n % 3 === 0 ? '/?wait=20' : '/'), 200)
      answers++
      await sleep((index * 3 + n) % 26)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return answers
}

test("Node's agent, and fetch", async () => {
  await using serving = await serve('who', options)
  const agent = keepAliveAgent(CLIENTS)
  let answers = 0
  await whileReloading(serving, async () => {
    const counts = await Promise.all([
      askAll(async (path) => (await get(serving.url + path, { agent })).status),
      askAll(async (path) => {
        const response = await fetch(serving.url + path)
        await response.text()
        return response.status
      }),
    ])
    answers = counts[0] + counts[1]
  })
  agent.destroy()
  // The last are counted when their turn of the event loop ends.
  const counted = () => serving.pool.stats().totals.requests
  await until(() => counted() >= answers, 30_000, 'all are counted')
  assert.is(counted(), answers)
})

testWith('wrk', 'wrk: no read error, and all connections stay', async () => {
  await using serving = await serve('who', options)
  let told = ''
  await whileReloading(serving, async () => {
    told = await runTool('wrk', ['-c16', '-t1', `-d${SECONDS}`, serving.url])
  })
  assert.not.match(told, /Socket errors|Non-2xx/)
  // Each connection that was closed would have been opened anew.
  // One more by which it looks whether anybody is there.
  assert.ok(serving.pool.stats().totals.connections <= 17)
})

testWith('h2load', 'h2load --h1', async () => {
  await using serving = await serve('who', options)
  let told = ''
  await whileReloading(serving, async () => {
    told = await runTool('h2load', ['--h1', '-c8', '-t1', '-D', String(SECONDS), serving.url])
  })
  assert.match(told, / 0 failed, 0 errored, 0 timeout/)
})

testWith('curl', 'curl: one connection for all of its requests', async () => {
  await using serving = await serve('who', options)
  await whileReloading(serving, async () => {
    const urls = `${serving.url}/?wait=[1-60]`
    const told = await runTool('curl', ['-sS', '--fail', '-w', '%{num_connects},', urls])
    const connects = told.match(/\d+(?=,)/g)?.map(Number) ?? []
    assert.is(connects.length, 60)
    assert.is(
      connects.reduce((sum, count) => sum + count, 0),
      1,
    )
  })
})

testWith('haproxy', 'haproxy with http-reuse always, and without retries', async () => {
  await using serving = await serve('who', options)
  await using haproxy = await startHaproxy(serving.port, '\n http-reuse always')
  const url = `http://127.0.0.1:${haproxy.port}`
  await whileReloading(serving, () => askAll(async (path) => (await get(url + path)).status))
})

testWith('nginx', 'nginx with keepalive, and without another upstream', async () => {
  await using serving = await serve('who', options)
  using folder = tempFolder()
  const port = await freePort()
  writeFileSync(
    folder.file('nginx.conf'),
    `daemon off; master_process off; pid ${folder.file('pid')}; error_log stderr;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path ${folder.file('body')}; proxy_temp_path ${folder.file('proxy')};
  fastcgi_temp_path ${folder.file('f')}; uwsgi_temp_path ${folder.file('u')}; scgi_temp_path ${folder.file('s')};
  upstream pool { server 127.0.0.1:${serving.port} max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off; }
  }
}
`,
  )
  const nginx = spawn('nginx', ['-c', folder.file('nginx.conf')], { stdio: 'ignore' })
  try {
    const url = `http://127.0.0.1:${port}`
    const isUp = async (): Promise<boolean> =>
      await get(url).then(
        ({ status }) => status === 200,
        () => false,
      )
    await until(isUp, 30_000, 'nginx serves')
    await whileReloading(serving, () => askAll(async (path) => (await get(url + path)).status))
  } finally {
    nginx.kill('SIGKILL')
    if (nginx.exitCode === null && nginx.signalCode === null) await once(nginx, 'exit')
  }
})

test.run()
