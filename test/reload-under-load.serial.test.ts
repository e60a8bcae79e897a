/**
 * Reloads and upgrades under an open-loop load (requests come when they come, whether or not earlier ones are answered) by TCP
 * with keep-alive, by TCP with a connection for each request, and by a unix socket: no request fails. FORKTHREAD_STRESS has it
 * do 50 reloads and 10 upgrades.
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
const EVERY_MS = 10

interface Kind {
  readonly name: string
  readonly agent: Agent
  readonly socketPath?: string
}

class Counts {
  requests = 0
  answered = 0
  /** Sent again, since the server had closed the idle connection just then and had not answered with a single byte. */
  repeated = 0
  readonly failures: string[] = []
}

/** Sends one request, and once more on a fresh connection if it may be repeated, as browsers and proxies do. */
function ask(url: string, kind: Kind, counts: Counts, isAgain = false): void {
  const { socketPath } = kind
  const agent = isAgain ? new Agent({ keepAlive: false }) : kind.agent
  const path = socketPath === undefined ? {} : { socketPath }
  const asked = request(url, { agent, ...path, timeout: LIMIT_MS })
  let bytesBefore = 0
  asked.on('socket', (socket) => {
    bytesBefore = socket.bytesRead
  })
  const fail = (error: Error & { code?: string }): void => {
    const isSilent = asked.socket === null || asked.socket.bytesRead === bytesBefore
    const mayBeRepeated =
      asked.reusedSocket && isSilent && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    if (!mayBeRepeated || isAgain) counts.failures.push(`${error.code} ${error.message}`)
    else {
      counts.repeated++
      ask(url, kind, counts, true)
    }
  }
  asked.on('error', fail)
  asked.on('timeout', () => asked.destroy(new Error('no answer')))
  asked.on('response', (response) => {
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

test(`${RELOADS} reloads and ${UPGRADES} upgrades: no request fails`, async () => {
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
  const load = setInterval(() => {
    for (const [index, kind] of kinds.entries()) {
      const count = counts[index] as Counts
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
      const old = parent
      const { code, stderr } = await runCli(['upgrade', '--admin', admin])
      assert.is(code, 0, `${stderr}\n${program.stderr.slice(-2000)}`)
      await until(() => !isRunning(old), LIMIT_MS, 'the end of the old parent')
      parent = Number((await get(url)).body)
      upgrades++
      program.adopt(parent)
    }
    clearInterval(load)
    const isDone = () => counts.every((c) => c.answered + c.failures.length >= c.requests)
    await until(isDone, LIMIT_MS, 'the last answers')
    send(parent, 'SIGTERM')
    await program.gone()
  } finally {
    clearInterval(load)
    for (const { agent } of kinds) agent.destroy()
    console.log(`${reloads} reloads, ${upgrades} upgrades`)
    for (const [index, { name }] of kinds.entries()) {
      const { requests, repeated, failures } = counts[index] as Counts
      console.log(
        `${name}: ${requests} requests, ${failures.length} failed, ${repeated} repeated ${failures.slice(0, 3)}`,
      )
    }
  }
  assert.equal(
    counts.flatMap(({ failures }) => failures),
    [],
  )
  assert.not.match(program.stderr, 'FT_ERR')
})

test.run()
