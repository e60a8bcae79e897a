/** HAProxy's agent-check: by hand, and with the real HAProxy before three pools. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createPool, type Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from './support/haproxy.js'
import { get, portOf, raw } from './support/http.js'
import { fixture } from './support/paths.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const THREADS = 4

/** What the agent says, unasked. */
async function ask(pool: Pool): Promise<string> {
  return (await raw(agentPort(pool), '')).toString()
}

function agentPort({ agentAddress }: Pool): number {
  return portOf(agentAddress ?? '')
}

test('it speaks first, one line, and closes: the share of idle threads', async () => {
  await using serving = await serve('slow-or-quick', {
    ...{ threads: THREADS, spares: THREADS, agentCheck: '127.0.0.1:0', keepAlive: 'pin' },
  })
  const { pool, url } = serving
  assert.is(await ask(pool), 'ready up 100%\n')
  const blocks = Array.from({ length: THREADS - 1 }, () => get(`${url}/?wait=4000`))
  await until(() => pool.stats().threads.busy === THREADS - 1, 30_000, 'all but one are busy')
  assert.is(await ask(pool), 'ready up 25%\n')
  const last = get(`${url}/?wait=3000`)
  await until(() => pool.stats().threads.idle === 0, 30_000, 'all are busy')
  assert.is(await ask(pool), 'ready up 1%\n')
  await Promise.all([...blocks, last])
})

test('a pool that leaves says drain, and then maint', async () => {
  await using serving = await serve('slow-or-quick', {
    ...{ agentCheck: '127.0.0.1:0', preStopDelay: 300, threads: 2 },
  })
  const { pool, url } = serving
  const slow = get(`${url}/?wait=4000`)
  await until(() => pool.stats().threads.busy === 1, 30_000, 'one is busy')
  const port = agentPort(pool)
  const closed = pool.close()
  assert.is((await raw(port, '')).toString(), 'drain\n')
  await until(async () => (await raw(port, '')).toString() === 'maint\n', 30_000, 'it closes')
  await slow
  await closed
})

test('the address is none of the others', async () => {
  const port = await freePort()
  const handler = fixture('slow-or-quick')
  const given = { handler, listen: '127.0.0.1:0', admin: port, agentCheck: `127.0.0.1:${port}` }
  await createPool(given).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'FT_ERR_OPTION', error.message),
  )
})

/** Asks HAProxy's own socket. */
async function command(path: string, text: string): Promise<string> {
  const socket = connect(path)
  socket.end(`${text}\n`)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

testWith(
  'haproxy',
  'haproxy: weights follow load, who drains or dies is left out, no request fails',
  async () => {
    using folder = tempFolder()
    const names = ['a', 'b', 'c'] as const
    const agents = await Promise.all(names.map(() => freePort()))
    const pools = await Promise.all(
      names.map((name, index) =>
        createPool({
          ...{ handler: fixture('slow-or-quick'), listen: '127.0.0.1:0', processes: 1 },
          ...{ threads: THREADS, spares: THREADS, env: { POOL: name }, preStopDelay: 1500 },
          agentCheck: `127.0.0.1:${agents[index]}`,
        }),
      ),
    )
    const [a, b, c] = pools
    if (a === undefined || b === undefined || c === undefined) throw new Error('three')
    const port = await freePort()
    const socket = folder.file('haproxy.sock')
    const servers = pools.map(
      (pool, index) =>
        ` server ${names[index]} 127.0.0.1:${portOf(pool.address)} agent-port ${agents[index]}`,
    )
    writeFileSync(
      folder.file('haproxy.cfg'),
      `global
 stats socket ${socket} mode 600 level admin
defaults
 mode http
 timeout connect 1s
 timeout client 30s
 timeout server 30s
 retries 3
 option redispatch 1
 retry-on all-retryable-errors
frontend in
 bind 127.0.0.1:${port}
 default_backend pools
backend pools
 balance roundrobin
 default-server check inter 200ms fall 1 rise 1 agent-check agent-inter 100ms weight 100
${servers.join('\n')}
`,
    )
    const haproxy = spawn('haproxy', ['-db', '-f', folder.file('haproxy.cfg')], { stdio: 'ignore' })
    const url = `http://127.0.0.1:${port}`
    /** Who has answered how many of so many requests; all of them with 200. */
    const spread = async (requests: number): Promise<Record<string, number>> => {
      const answered: Record<string, number> = { a: 0, b: 0, c: 0 }
      for (let sent = 0; sent < requests; sent++) {
        const { status, headers } = await get(url)
        assert.is(status, 200)
        const name = String(headers['x-pool'])
        answered[name] = (answered[name] ?? 0) + 1
      }
      return answered
    }
    const weight = async (name: string): Promise<number> =>
      Number.parseInt(await command(socket, `get weight pools/${name}`), 10)
    const stateOf = async (name: string): Promise<string> => {
      const lines = (await command(socket, 'show stat')).split('\n')
      return lines.find((line) => line.startsWith(`pools,${name},`))?.split(',')[17] ?? ''
    }
    try {
      await until(
        () =>
          get(url).then(
            ({ status }) => status === 200,
            () => false,
          ),
        30_000,
        'haproxy serves',
      )
      for (const name of names)
        await until(async () => (await weight(name)) === 100, 30_000, `${name} is idle`)
      const even = await spread(30)
      assert.ok(
        names.every((name) => (even[name] ?? 0) >= 5),
        JSON.stringify(even),
      )

      // Load on a, from elsewhere, for as long as the others are asked.
      let isLoaded = true
      const occupy = async (): Promise<void> => {
        while (isLoaded) await get(`${a.address}/?ms=500`)
      }
      const load = Array.from({ length: THREADS - 1 }, occupy)
      await until(async () => (await weight('a')) <= 25, 30_000, 'a is busy')
      const uneven = await spread(27)
      isLoaded = false
      assert.ok(
        (uneven.a ?? 0) < (uneven.b ?? 0) && (uneven.a ?? 0) < (uneven.c ?? 0),
        JSON.stringify(uneven),
      )
      await Promise.all(load)
      await until(async () => (await weight('a')) === 100, 30_000, 'a is idle again')

      // b leaves, as on TERM.
      const left = b.close()
      await until(async () => /DRAIN/.test(await stateOf('b')), 30_000, 'b drains')
      assert.is((await spread(20)).b, 0)
      await left
      assert.is((await spread(10)).b, 0)

      // c is gone from one moment to the next.
      const [, rest] = await Promise.all([c.kill(), spread(30)])
      assert.ok((rest.a ?? 0) > 0)
      await until(async () => /DOWN|MAINT/.test(await stateOf('c')), 30_000, 'c is out')
      assert.equal(await spread(10), { a: 10, b: 0, c: 0 })
    } finally {
      haproxy.kill('SIGKILL')
      if (haproxy.exitCode === null && haproxy.signalCode === null) await once(haproxy, 'exit')
      await Promise.all(pools.map((pool) => pool.close()))
    }
  },
)

test.run()
