/** Idle connections that move in a moment in which something else happens, too. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from './support/cli.js'
import { portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { serve } from './support/serve.js'
import { type Answer, SteadyClient } from './support/steady-client.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const LIMIT_MS = 20_000

/** Beyond what a leaving thread gives a new connection for its first byte. */
const FIRST_BYTE_MS = 1000

/** Of those who find no room so many ask all the time, after a pause that is shorter than `shutdownIdleTimeout`. */
const ASKING = 50
const PAUSE_MS = 100

function dispose(clients: readonly SteadyClient[]): void {
  for (const client of clients) client[Symbol.dispose]()
}

const pids = (pool: Pool): number[] => pool.stats().processes.map(({ pid }) => pid)

/** Whether it takes no new connections any more. */
function leaves(pool: Pool, pid: number): boolean {
  return pool.stats().processes.find((one) => one.pid === pid)?.state !== 'ready'
}

test('a client that has connected and not sent a byte outlives a thread that is recycled', async () => {
  await using serving = await serve('who', {
    ...{ threads: 2, recycleRequests: 20, keepAliveTimeout: 60_000 },
  })
  const { pool, port } = serving
  const silent = await Promise.all(Array.from({ length: 6 }, () => SteadyClient.open(port)))
  using busy = await SteadyClient.open(port)
  let over = 0
  pool.on('thread', ({ phase }) => phase === 'over' && over++)
  const areOver = async (): Promise<boolean> => {
    await busy.ask()
    return over >= 2
  }
  await until(areOver, LIMIT_MS, 'two threads are over')
  await sleep(FIRST_BYTE_MS)
  for (const client of silent) assert.not((await client.ask()).isLast)
  dispose(silent)
})

test('the pool ends during a reload: what a leaving process has just moved is answered', async () => {
  const serving = await serve('who', { canaryTime: 0, shutdownIdleTimeout: 3000 })
  const { pool, port } = serving
  const clients = await SteadyClient.openIdle(port, 4)
  const [old = 0] = pids(pool)
  const busy = clients.map((client) => client.ask('/?wait=1500'))
  const reloaded = pool.reload().catch(() => undefined)
  await until(() => leaves(pool, old), LIMIT_MS, 'it leaves')
  const closed = pool.close()
  // Each goes on until it is told that the answer was its last.
  const goOn = async (client: SteadyClient, first: Promise<Answer>): Promise<void> => {
    if (!(await first).isLast) await client.askUntilLast(100)
  }
  await Promise.all(clients.map((client, index) => goOn(client, busy[index] ?? client.ask())))
  await Promise.all([reloaded, closed])
  dispose(clients)
})

/** Some of the clients ask again and again, until they are told that it was the last time. How many answers they got. @throws if one gets none */
async function askUntilOver(
  clients: readonly SteadyClient[],
  during: Promise<unknown>,
): Promise<number> {
  let isDone = false
  const over = during.then(() => {
    isDone = true
  })
  let answers = 0
  const ask = async (client: SteadyClient): Promise<void> => {
    for (let isLast = false; !isDone && !isLast; answers++) {
      isLast = (await client.ask()).isLast
      await sleep(PAUSE_MS)
    }
  }
  // The last that came are the last to move.
  await Promise.all([over, ...clients.slice(-ASKING).map(ask)])
  return answers
}

async function withoutRoom(
  keepAlive: string,
  act: (there: {
    readonly clients: readonly SteadyClient[]
    readonly admin: string
    readonly port: number
    readonly program: ReturnType<typeof startCli>
  }) => Promise<void>,
): Promise<void> {
  using folder = tempFolder()
  const admin = `unix:${folder.file('admin')}`
  writeFileSync(
    folder.file('app.mjs'),
    `export { default } from ${JSON.stringify(fixture('who'))}\n`,
  )
  const size = ['--processes', '1', '--threads', '1', '--keep-alive', keepAlive]
  const times = ['--keep-alive-timeout', '60000', '--shutdown-idle-timeout', '500']
  await using program = startCli([
    ...[folder.file('app.mjs'), '--listen', '127.0.0.1:0', '--admin', admin, ...size, ...times],
    ...['--canary-time', '0'],
  ])
  const [url = ''] = await program.ready()
  const port = portOf(url)
  const clients = await SteadyClient.openIdle(port, 300)
  // For the next child; the one that serves has what it has.
  execFileSync('prlimit', ['--pid', String(program.pid), '--nofile=200:200'])
  await act({ clients, admin, port, program })
  dispose(clients)
}

testWith('prlimit', 'a reload without room: all that is asked is answered', () =>
  withoutRoom('auto', async ({ clients, admin }) => {
    const reloading = runCli(['reload', '--admin', admin])
    const answers = await askUntilOver(clients, reloading)
    const { code, stderr } = await reloading
    assert.is(code, 0, stderr)
    assert.ok(answers >= ASKING)
    let there: readonly SteadyClient[] = []
    const totals = await until(
      async () => {
        const { stdout } = await runCli(['status', '--json', '--admin', admin])
        const { totals } = JSON.parse(stdout) as { totals: { moved: number; unmoved: number } }
        there = clients.filter(({ isOver }) => !isOver)
        return totals.moved === there.length ? totals : undefined
      },
      LIMIT_MS,
      'each that has not moved is over',
    )
    // Those that were busy when it turned out have been asked to go as well, and are not counted.
    assert.ok(totals.unmoved > 50 && totals.unmoved + totals.moved <= 300, JSON.stringify(totals))
    await Promise.all(there.map((client) => client.ask()))
  }),
)

testWith('prlimit', 'an upgrade without room: all that is asked is answered', () =>
  withoutRoom('park', async ({ clients, admin, program }) => {
    const upgrading = runCli(['upgrade', '--admin', admin])
    const left = until(() => !isRunning(program.pid), LIMIT_MS, 'the end of the old parent')
    const answers = await askUntilOver(clients, left)
    const { code, stderr, stdout } = await upgrading
    assert.is(code, 0, stderr)
    program.adopt(Number(/\d+/.exec(stdout)?.[0]))
    assert.ok(answers >= ASKING)
  }),
)

test.run()
