/**
 * Reloads, upgrades, processes that are added and retired, and threads that are recycled, under an open-loop load (requests come when they
 * come, whether or not earlier ones are answered) by TCP with keep-alive, by TCP with a connection for each request, and by a unix
 * socket: no request fails, and no connection is ended that is kept alive. FORKTHREAD_STRESS has it do 50 reloads, 10 upgrades and 20
 * retirements, with 100,000 requests.
 */
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { isRunning, send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 60_000
const isFull = process.env.FORKTHREAD_STRESS !== undefined
const RELOADS = isFull ? 50 : 5
const UPGRADES = isFull ? 10 : 2
/** Of each of the three kinds. */
const EVERY_MS = isFull ? 3 : 10
/** Added and retired after each reload, between the upgrades. */
const RETIREMENTS = isFull ? 2 : 1
/** Under way at once, of each kind: with more the machine does not keep up, and shows no more than that. */
const MOST_UNDER_WAY = 200
const MOST_REQUESTS = isFull ? 100_000 : 0

interface Kind {
  readonly name: string
  readonly agent: Agent
  readonly socketPath?: string
}

class Counts {
  requests = 0
  answered = 0
  /** Connections that the server has ended, and so the ends that a client may run into. */
  ended = 0
  /** Those that it has asked to go, with a response. */
  asked = 0
  readonly failures: string[] = []
}

function ask(url: string, { agent, socketPath }: Kind, counts: Counts): void {
  const path = socketPath === undefined ? {} : { socketPath }
  const asked = request(url, { agent, ...path, timeout: LIMIT_MS })
  asked.on('socket', (socket) => {
    if (watched.has(socket)) return
    watched.add(socket)
    socket.once('end', () => counts.ended++)
  })
  asked.on('error', (error: Error & { code?: string }) =>
    counts.failures.push(`${error.code} ${error.message}`),
  )
  asked.on('timeout', () => asked.destroy(new Error('no answer')))
  asked.on('response', (response) => {
    // The agent may end it first then.
    if (response.headers.connection === 'close') counts.asked++
    let body = ''
    response.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    response.on('error', (error) => counts.failures.push(`in the body: ${error.message}`))
    response.on('end', () => {
      if (response.statusCode === 200 && /^\d+$/.test(body)) counts.answered++
      else counts.failures.push(`${response.statusCode} ${body}`)
    })
  })
  asked.end()
}

const watched = new WeakSet<object>()

/** Has the pool change its size, and waits until it has. */
async function inProcesses(admin: string, count: number, change: () => void): Promise<void> {
  change()
  await until(
    async () => {
      const { stdout } = await runCli(['status', '--json', '--admin', admin])
      const { processes } = JSON.parse(stdout) as { processes: readonly { state: string }[] }
      return processes.length === count && processes.every(({ state }) => state === 'ready')
    },
    LIMIT_MS,
    `${count} processes`,
  )
}

test(`${RELOADS} reloads and ${UPGRADES} upgrades: no request fails, and no connection is cut`, async () => {
  using folder = tempFolder()
  const unixPath = folder.file('app')
  const admin = `unix:${folder.file('admin')}`
  // Some answers at once, some after a while.
  writeFileSync(
    folder.file('app.mjs'),
    'export default (req, res) => setTimeout(() => res.end(String(process.ppid)), Math.random() < 0.5 ? 0 : 40)\n',
  )
  await using program = startCli([
    ...[folder.file('app.mjs'), '--listen', '127.0.0.1:0', '--listen', `unix:${unixPath}`],
    ...['--processes', '2', '--threads', '2', '--canary-time', '50', '--admin', admin],
    // What ends, ends for no other reason.
    ...['--recycle-requests', '300', '--keep-alive-timeout', '600000', '--drain-timeout', '60000'],
  ])
  const [url = ''] = await program.ready()
  const kinds: Kind[] = [
    { name: 'keep-alive', agent: new Agent({ keepAlive: true }) },
    { name: 'a connection for each', agent: new Agent({ keepAlive: false }) },
    { name: 'unix', agent: new Agent({ keepAlive: true }), socketPath: unixPath },
  ]
  const counts = kinds.map(() => new Counts())
  let reloads = 0
  let upgrades = 0
  const ended: number[] = []
  const load = setInterval(() => {
    for (const [index, kind] of kinds.entries()) {
      const count = counts[index] as Counts
      if (count.requests - count.answered - count.failures.length >= MOST_UNDER_WAY) continue
      count.requests++
      ask(url, kind, count)
    }
  }, EVERY_MS)
  try {
    let parent = program.pid
    for (let round = 0; round < UPGRADES; round++) {
      for (let reload = 0; reload < RELOADS / UPGRADES; reload++) {
        const { code, stderr } = await runCli(['reload', '--admin', admin])
        assert.is(code, 0, `${stderr}\n${program.stderr.slice(-2000)}`)
        reloads++
      }
      for (let retired = 0; retired < RETIREMENTS; retired++) {
        await inProcesses(admin, 3, () => send(parent, 'SIGTTIN'))
        await inProcesses(admin, 2, () => send(parent, 'SIGTTOU'))
      }
      const old = parent
      const { code, stderr } = await runCli(['upgrade', '--admin', admin])
      assert.is(code, 0, `${stderr}\n${program.stderr.slice(-2000)}`)
      await until(() => !isRunning(old), LIMIT_MS, 'the end of the old parent')
      parent = Number((await get(url)).body)
      upgrades++
      program.adopt(parent)
    }
    const asked = (): number => counts.reduce((sum, { requests }) => sum + requests, 0)
    await until(() => asked() >= MOST_REQUESTS, 20 * LIMIT_MS, 'enough requests')
    clearInterval(load)
    const isDone = () => counts.every((c) => c.answered + c.failures.length >= c.requests)
    await until(isDone, LIMIT_MS, 'the last answers')
    // Now they may be.
    ended.push(...counts.map((count) => count.ended))
    send(parent, 'SIGTERM')
    await program.gone()
  } finally {
    clearInterval(load)
    for (const { agent } of kinds) agent.destroy()
    console.log(`${reloads} reloads, ${upgrades} upgrades`)
    for (const [index, { name }] of kinds.entries()) {
      const { requests, failures } = counts[index] as Counts
      console.log(
        `${name}: ${requests} requests, ${failures.length} failed, ${ended[index]} connections ended, ${counts[index]?.asked} asked to go ${failures.slice(0, 3)}`,
      )
    }
  }
  assert.equal(
    counts.flatMap(({ failures }) => failures),
    [],
  )
  for (const [index, { name }] of kinds.entries()) {
    if (name === 'a connection for each') continue
    assert.is(ended[index], 0, `${name}: ended`)
    assert.is(counts[index]?.asked, 0, `${name}: asked to go`)
  }
  assert.not.match(program.stderr, 'FT_ERR')
})

test.run()
