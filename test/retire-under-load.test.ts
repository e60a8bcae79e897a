/**
 * Processes leave in the middle of the traffic. What a handler has begun is answered to the end, and a connection that closes between
 * two requests closes before the handler sees the next one: the client may repeat it.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { Random } from './support/random.js'
import { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const CLIENTS = 24
const ROUNDS = 2
/** Long enough for what is measured here to be the pool, and not how soon a machine is out of breath. */
const LONGEST_PAUSE_MS = 25
/** How long the clients go on before and behind each event. */
const AROUND_MS = 150

const SEED = Number(process.env.FORKTHREAD_SEED ?? Date.now() % 1_000_000)
const random = new Random(SEED)

const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

for (const [what, order] of [
  ['a smaller pool', (pool: Pool) => Promise.resolve(pool.resize({ processes: 1 }))],
  ['a reload', (pool: Pool) => pool.reload()],
] as const) {
  test(`${what}: a response that takes 5 s arrives chunk by chunk from the process that leaves`, async () => {
    const CHUNKS = 50
    await using serving = await serve('http', {
      ...{ processes: 2, threads: 1, canaryTime: 50, drainTimeout: 60_000 },
    })
    const { pool, port, errors } = serving
    const old = pool.stats().processes.map(({ pid }) => pid)
    // One at each process, so that whoever leaves has one.
    using one = await RawClient.connect(port)
    await one.write(ask(`/chunks?count=${CHUNKS}&ms=100`)).until(/chunk 0\n/)
    using other = await RawClient.connect(port)
    await other.write(ask(`/chunks?count=${CHUNKS}&ms=100`)).until(/chunk 0\n/)
    const ordered = order(pool)
    // If something else fails first, the pool closes under it.
    ordered.catch(() => undefined)
    const leavers = await until(
      () => {
        const { processes } = pool.stats()
        const draining = processes.filter(({ state }) => state === 'draining')
        return draining.length > 0 ? draining : undefined
      },
      LIMIT_MS,
      'one that leaves',
    )
    for (const { pid, threads } of leavers) {
      assert.ok(old.includes(pid))
      assert.equal(
        threads.map(({ inFlight }) => inFlight),
        [1],
      )
    }
    const chunks = Array.from({ length: CHUNKS }, (_, chunk) => `chunk ${chunk}\n`)
    for (const client of [one, other]) {
      await client.until(/\r\n0\r\n\r\n$/)
      assert.equal(client.received.match(/chunk \d+\n/g), chunks)
      assert.match(client.received, /last\n\r\n0\r\n\r\n$/)
    }
    await within(ordered, LIMIT_MS, 'the end of the order')
    await until(() => !leavers.some(({ pid }) => isRunning(pid)), LIMIT_MS, 'their end')
    assert.equal(errors, [])
  })
}

/** One request, and all that came behind it. */
interface Sent {
  readonly id: number
  readonly isFirstOfConnection: boolean
  /** Sent before the pool was told anything. */
  readonly isBefore: boolean
  readonly answer: string
}

/** The traffic of clients that use their connections again and again, with a pause of a few milliseconds. */
class Traffic {
  readonly sent: Sent[] = []
  /** Connections that the pool has ended. */
  ended = 0
  isToldYet = false
  readonly #port: number
  readonly #clients: Promise<void>[]
  #isOver = false

  constructor(port: number) {
    this.#port = port
    this.#clients = Array.from({ length: CLIENTS }, () => this.#client())
    // Looked at in the end.
    for (const client of this.#clients) client.catch(() => undefined)
  }

  /** Resolves when each client has its last answer, or has been refused. */
  async end(): Promise<void> {
    this.#isOver = true
    await within(Promise.all(this.#clients), LIMIT_MS, 'the last answers')
  }

  async refused(): Promise<void> {
    const clients = this.#clients.map((client) =>
      client.then(
        () => 'not refused',
        ({ code }) => code,
      ),
    )
    const codes = await within(Promise.all(clients), LIMIT_MS, 'the end of all clients')
    assert.equal([...new Set(codes)], ['ECONNREFUSED'])
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      using client = await RawClient.connect(this.#port)
      let isOpen = true
      for (let count = 0; isOpen && !this.#isOver; count++) {
        const answer = await this.#request(client, count === 0)
        isOpen = answer !== '' && !/\r\nConnection: close\r\n/.test(answer)
        await sleep(random.from(0, LONGEST_PAUSE_MS))
        if (client.socket.destroyed) isOpen = false
      }
      if (!isOpen) this.ended++
    }
  }

  async #request({ socket, closed }: RawClient, isFirstOfConnection: boolean): Promise<string> {
    const id = nextId++
    const path = random.pick([`/?id=${id}`, `/slow?ms=${random.from(1, 10)}&id=${id}`])
    let answer = ''
    let onData = (_bytes: Buffer): void => undefined
    const isAnswered = new Promise<void>((resolve) => {
      onData = (bytes) => {
        answer += bytes.toString('latin1')
        if (answer.endsWith('\r\n0\r\n\r\n')) resolve()
      }
    })
    socket.on('data', onData)
    const isBefore = !this.isToldYet
    socket.write(ask(path))
    await within(Promise.race([isAnswered, closed]), LIMIT_MS, `the answer to ${path}`)
    socket.off('data', onData)
    this.sent.push({ id, isFirstOfConnection, isBefore, answer })
    return answer
  }
}

let nextId = 0

/** The process and thread of a whole answer of the fixture. */
const WHOLE =
  /^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\n[0-9a-f]+\r\n(\d+:\d+)(?:\r\n5\r\n done)?\r\n0\r\n\r\n$/

/** Compares what the handlers have noted with what has come back. */
function isConsistent({ sent }: Traffic, requestLog: string): void {
  const lines = readFileSync(requestLog, 'utf8').trim().split('\n')
  const handled = new Map(lines.map((line) => line.split(' ') as [string, string]))
  assert.is(handled.size, lines.length, 'no request comes twice')
  for (const { id, isFirstOfConnection, answer } of sent) {
    const place = handled.get(String(id))
    if (place !== undefined) assert.is(answer.match(WHOLE)?.[1], place, `request ${id}: ${answer}`)
    else {
      assert.is(answer, '', `request ${id}, which no handler has seen`)
      assert.not(isFirstOfConnection, `a connection that was never served, request ${id}`)
    }
  }
}

interface Scene extends AsyncDisposable {
  readonly program: Program
  readonly port: number
  readonly requestLog: string
}

async function open(keepAlive: string): Promise<Scene> {
  const folder = tempFolder()
  const requestLog = folder.file('requests')
  const program = startCli(
    [
      ...[fixture('mortal'), '--listen', '127.0.0.1:0', '--processes', '2', '--threads', '2'],
      ...['--canary-time', '50', '--keep-alive', keepAlive],
    ],
    { env: { REQUEST_LOG: requestLog } },
  )
  const dispose = (): Promise<void> => program.close().finally(() => folder[Symbol.dispose]())
  const [url = ''] = await program.ready()
  return { program, port: portOf(url), requestLog, [Symbol.asyncDispose]: dispose }
}

/** Resolves when the pool has left `count` more of its processes behind. */
async function left({ program }: Scene, count: number, act: () => void): Promise<void> {
  const pattern = new RegExp(`(?:child \\d+ has left[\\s\\S]*){${leavers(program) + count}}`)
  act()
  await program.output(pattern, 'stderr')
}

const leavers = ({ stderr }: Program): number => stderr.match(/child \d+ has left/g)?.length ?? 0

for (const keepAlive of ['pin', 'park']) {
  test(`TERM: connections ${keepAlive === 'pin' ? 'end between two requests, and never in one' : 'go on elsewhere'} (${keepAlive}, FORKTHREAD_SEED=${SEED})`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await using scene = await open(keepAlive)
      const traffic = new Traffic(scene.port)
      await sleep(random.from(AROUND_MS, AROUND_MS * 2))
      traffic.isToldYet = true
      scene.program.send('SIGTERM')
      await traffic.refused()
      assert.equal(await scene.program.exit(), { code: 0, signal: null })
      isConsistent(traffic, scene.requestLog)
      const unanswered = traffic.sent.filter(({ answer }) => answer === '')
      assert.equal(
        unanswered.filter(({ isBefore }) => isBefore),
        [],
        'what was sent before is answered',
      )
    }
  })

  for (const [what, leaving, act, undo] of [
    ['a process less', 1, 'SIGTTOU', 'SIGTTIN'],
    ['a reload', 2, 'SIGHUP', undefined],
  ] as const) {
    test(`${what}: connections ${keepAlive === 'pin' ? 'end between two requests, and never in one' : 'go on elsewhere'} (${keepAlive}, FORKTHREAD_SEED=${SEED})`, async () => {
      await using scene = await open(keepAlive)
      const { program } = scene
      for (let round = 0; round < ROUNDS; round++) {
        const traffic = new Traffic(scene.port)
        await sleep(random.from(AROUND_MS, AROUND_MS * 2))
        await left(scene, leaving, () => program.send(act))
        await sleep(AROUND_MS)
        await traffic.end()
        isConsistent(traffic, scene.requestLog)
        // One of two processes may have had none of them.
        if (leaving === 2 || keepAlive !== 'pin') areEnded(traffic, keepAlive)
        if (undo === undefined) continue
        program.send(undo)
        await until(() => program.children().length === 2, LIMIT_MS, 'the next process')
        await program.output(new RegExp(`(?:is ready[\\s\\S]*){${2 + round + 1}}`), 'stderr')
      }
      assert.not.match(program.stderr, 'FT_ERR')
    })
  }

  test(`an upgrade: connections ${keepAlive === 'pin' ? 'end between two requests, and never in one' : 'go on elsewhere'} (${keepAlive}, FORKTHREAD_SEED=${SEED})`, async () => {
    await using scene = await open(keepAlive)
    const { program } = scene
    const traffic = new Traffic(scene.port)
    await sleep(AROUND_MS)
    program.send('SIGUSR2')
    const [, parent] = await program.output(/the new parent (\d+) serves/, 'stderr')
    program.adopt(Number(parent))
    assert.equal(await program.exit(), { code: 0, signal: null })
    await sleep(AROUND_MS)
    await traffic.end()
    isConsistent(traffic, scene.requestLog)
    areEnded(traffic, keepAlive)
    assert.not.match(program.stderr, 'FT_ERR')
  })
}

/** Those of a process that has left. */
function areEnded(traffic: Traffic, keepAlive: string): void {
  if (keepAlive === 'pin') assert.ok(traffic.ended > 0, 'some are asked to go')
  else assert.is(traffic.ended, 0, 'all go on')
}

test.run()
