/**
 * Not a byte is lost or out of order when connections are parked between requests: whatever clients send, in whatever pieces, the
 * pool answers as a plain node:http server with the same handler. FORKTHREAD_FUZZ=seconds makes it longer,
 * FORKTHREAD_SEED repeats a run.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import handler from './fixtures/http.js'
import { Random } from './support/random.js'
import { RawClient } from './support/raw-client.js'
import { type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const SECONDS = Number(process.env.FORKTHREAD_FUZZ ?? 10)
const SEED = Number(process.env.FORKTHREAD_SEED ?? Date.now() % 1_000_000)
const AT_A_TIME = 12
/** Of the part beside reloads. */
const RELOADING_SECONDS = 6

/** What the plain server has said when it has been silent for so long, and nothing is due any more. */
const SILENCE_MS = 12

const options = { keepAlive: 'park', processes: 2, threads: 2 } as const

const plain = await new Promise<Server>((resolve) => {
  const server = createServer({ keepAliveTimeout: 5000 }, (request, response) => {
    // A body that is broken off fails its handler, and nobody else.
    Promise.resolve(handler(request, response)).catch(() => undefined)
  })
  server.listen(0, '127.0.0.1', () => resolve(server))
})
const plainPort = (plain.address() as AddressInfo).port
test.after(() => {
  plain.closeAllConnections()
  plain.close()
})

/** Until threads hand connections back. */
async function isParking({ pool, port }: Serving): Promise<void> {
  await until(
    async () => {
      using client = await RawClient.connect(port)
      await client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n').until(/hello\n/)
      const threads = pool.stats().processes.flatMap((process) => process.threads)
      return threads.every(({ connections }) => connections === 0)
    },
    LIMIT_MS,
    'a parked connection',
  )
}

const countAnswers = (text: string): number => text.split(/HTTP\/1\.1 [2-5]\d\d /).length - 1

const turnOfEventLoop = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

/** Dates differ from second to second. */
const undated = (text: string): string => text.replaceAll(/Date: [^\r]*\r\n/g, '')

// ── what clients say ───────────────────────────────────────────────────────────────────────────────

/** Ends the connection, so that everything that will ever come has come. */
const last = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

const head = (line: string, ...headers: readonly string[]): string =>
  `${[`${line} HTTP/1.1`, 'Host: a', ...headers].join('\r\n')}\r\n\r\n`

const chunked = (random: Random, trailers: string): string => {
  let body = ''
  for (let chunks = random.from(0, 4); chunks > 0; chunks--) {
    const bytes = random.from(1, 40)
    body += `${bytes.toString(16)}\r\n${'c'.repeat(bytes)}\r\n`
  }
  return `${body}0\r\n${trailers}\r\n`
}

/** Bodies come back as digests: how an echo is cut into chunks depends on how it arrives. */
const requests: readonly ((random: Random) => string)[] = [
  () => head('GET /'),
  () => head('GET /'),
  () => head('GET /nowhere'),
  () => head('HEAD /'),
  () => head('GET /slow?ms=2'),
  () => head('GET /block?ms=0').replace('/block?ms=0', '/two-writes'),
  () => head('GET /chunks?count=3&ms=1'),
  (random) => head(`GET /bytes?count=${random.pick([1, 1000, 70_000, 300_000])}`),
  (random) => {
    const body = 'b'.repeat(random.from(0, 300))
    return head('POST /digest', `Content-Length: ${body.length}`) + body
  },
  (random) => {
    const body = 'd'.repeat(random.pick([1, 500, 100_000]))
    return head('POST /digest', `Content-Length: ${body.length}`) + body
  },
  // The handler does not read these.
  (random) => {
    const body = 'u'.repeat(random.from(1, 300))
    return head('POST /', `Content-Length: ${body.length}`) + body
  },
  (random) => head('POST /', 'Transfer-Encoding: chunked') + chunked(random, ''),
  (random) => head('POST /digest', 'Transfer-Encoding: chunked') + chunked(random, ''),
  (random) =>
    head('POST /digest', 'Transfer-Encoding: chunked', 'Trailer: X-A') +
    chunked(random, 'X-A: after the body\r\n'),
  (random) => {
    const body = 'e'.repeat(random.from(1, 100))
    return head('POST /digest', `Content-Length: ${body.length}`, 'Expect: 100-continue') + body
  },
  // Empty lines between requests are no part of any.
  () => `\r\n${head('GET /')}`,
  () => `\r\n\r\n\r\n${head('GET /')}`,
  () => 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
]

/** No request at all: the answer is an error and the end of the connection. */
const garbage = [
  'GET\r\n\r\n',
  '\0\0\0',
  'GET / HTTP/1.1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
]

interface Piece {
  readonly bytes: string
  /** Before the next one: nothing, a moment, or until everything that is due has come. */
  readonly next: 'go on' | 'wait' | 'be answered'
  readonly waitMs: number
  /** A request ends with it. */
  readonly isWhole: boolean
}

/** The last thing that a client says, at a moment when nothing is due; the end of the connection follows from it. */
interface End {
  readonly name: string
  readonly bytes: string
  /** Then it says that no more will come. */
  readonly isHalfClosed: boolean
}

interface Script {
  readonly pieces: readonly Piece[]
  readonly end: End
}

const OVER_THE_LIMIT = 17_000

const ends: readonly ((random: Random) => Omit<End, 'name'>)[] = [
  function farewell() {
    return { bytes: last, isHalfClosed: false }
  },
  function silence() {
    return { bytes: '', isHalfClosed: true }
  },
  function nonsense(random) {
    return { bytes: random.pick(garbage), isHalfClosed: random.next() < 0.3 }
  },
  function nonsenseBehindRequest(random) {
    return { bytes: head('GET /') + random.pick(garbage), isHalfClosed: false }
  },
  function brokenOff(random) {
    const whole = random.pick([
      head('GET /headers', `X-Long: ${'l'.repeat(40)}`),
      `${head('POST /digest', 'Content-Length: 60')}${'b'.repeat(60)}`,
      `${head('POST /digest', 'Transfer-Encoding: chunked')}20\r\n${'c'.repeat(32)}\r\n0\r\n\r\n`,
    ])
    return { bytes: whole.slice(0, random.from(1, whole.length - 1)), isHalfClosed: true }
  },
  /** The answer is there before the end is seen, or far too late. */
  function lastRequest(random) {
    const bytes = head(random.pick(['GET /', 'HEAD /', 'GET /nowhere', 'GET /slow?ms=300']))
    return { bytes, isHalfClosed: true }
  },
  function tooLongHeaders(random) {
    const long = `X-Long: ${'l'.repeat(OVER_THE_LIMIT)}`
    return { bytes: head('GET /', long), isHalfClosed: random.next() < 0.3 }
  },
  function tooManyHeaders() {
    const many = Array.from({ length: 1000 }, (_, n) => `X-${n}: ${'m'.repeat(20)}`)
    return { bytes: head('GET /', ...many), isHalfClosed: false }
  },
]

function scriptOf(random: Random): Script {
  const pieces: Piece[] = []
  const add = (bytes: string, isWhole: boolean): void => {
    const next = isWhole
      ? random.pick(['go on', 'be answered', 'be answered'] as const)
      : random.pick(['go on', 'wait'] as const)
    pieces.push({ bytes, next, waitMs: random.from(0, 6), isWhole })
  }
  for (let count = random.from(1, 6); count > 0; count--) {
    let text = random.pick(requests)(random)
    // The beginning of the next request may come with the end of this one.
    for (let cuts = random.pick([0, 0, 1, 2]); cuts > 0 && text.length > 1; cuts--) {
      const at = random.from(1, Math.min(text.length - 1, 200))
      add(text.slice(0, at), false)
      text = text.slice(at)
    }
    add(text, true)
  }
  const end = random.next() < 0.4 ? ends[0] : random.pick(ends)
  if (end === undefined) throw new Error('no ends')
  if (end !== ends[0]) {
    const before = pieces.pop()
    const quiet = { next: 'be answered', waitMs: random.from(0, 6) } as const
    if (before !== undefined) pieces.push({ ...before, ...quiet })
  }
  return { pieces, end: { name: end.name, ...end(random) } }
}

function sayEnd(client: RawClient, { bytes, isHalfClosed }: End): void {
  if (bytes !== '') client.write(Buffer.from(bytes, 'latin1'))
  if (isHalfClosed) client.socket.end()
}

/** Has the plain server answer a script. Returns all it said, and how much of it after each piece that was waited for. */
async function rehearse({ pieces, end }: Script): Promise<{ said: string; lengths: number[] }> {
  using client = await RawClient.connect(plainPort)
  const lengths: number[] = []
  let whole = 0
  for (const { bytes, next, waitMs, isWhole } of pieces) {
    client.write(Buffer.from(bytes, 'latin1'))
    if (isWhole) whole++
    if (next === 'wait') await sleep(waitMs)
    if (next !== 'be answered') continue
    await until(() => countAnswers(client.received) >= whole, LIMIT_MS, `${whole} answers`)
    for (let seen = -1; seen !== client.received.length; ) {
      seen = client.received.length
      await sleep(SILENCE_MS)
      // The plain server lives in this process: it has had its turn now, also if the machine stood still meanwhile.
      await turnOfEventLoop()
    }
    lengths.push(undated(client.received).length)
  }
  sayEnd(client, end)
  return { said: undated(await client.end()), lengths }
}

async function play(
  { pieces, end }: Script,
  port: number,
  lengths: readonly number[],
): Promise<string> {
  using client = await RawClient.connect(port)
  let answers = 0
  for (const { bytes, next, waitMs } of pieces) {
    client.write(Buffer.from(bytes, 'latin1'))
    if (next === 'be answered') {
      const due = lengths[answers++] ?? 0
      const isThere = (): boolean => undated(client.received).length >= due
      await until(() => isThere() || client.socket.readableEnded, LIMIT_MS, `${due} bytes`)
    }
    // Time to be parked, or not enough of it.
    if (next !== 'go on') await sleep(waitMs)
  }
  sayEnd(client, end)
  return undated(await client.end())
}

function show({ pieces, end }: Script): string {
  const lines = pieces.map(({ bytes, next, waitMs }) =>
    JSON.stringify(bytes.length > 300 ? `${bytes.slice(0, 300)}…` : bytes).concat(
      ` ${next} ${waitMs}`,
    ),
  )
  return [...lines, `${end.name} ${JSON.stringify(end.bytes.slice(0, 300))}`].join('\n')
}

// ── tests ──────────────────────────────────────────────────────────────────────────────────────────

const second = `${head('POST /digest', 'Content-Length: 4')}body`

/** Has clients say the second request in two pieces, split at every byte: the first piece by `begin`. */
async function splitSecond(begin: (client: RawClient, at: number) => Promise<void>): Promise<void> {
  await using serving = await serve('http', options)
  await isParking(serving)
  const all = Array.from({ length: second.length + 1 }, (_, at) => at)
  await Promise.all(
    all.map(async (at) => {
      using client = await RawClient.connect(serving.port)
      await begin(client, at)
      await sleep(20)
      client.write(second.slice(at) + last)
      const said = await client.end()
      assert.is(said.split('HTTP/1.1 200 OK').length, 4, `split at ${at}: ${said}`)
      assert.match(said, /"bytes":4/, `split at ${at}`)
    }),
  )
}

test('a request that arrives in two pieces, split at every byte', async () => {
  await splitSecond(async (client, at) => {
    await client.write(head('GET /')).until(/hello\n$/)
    await sleep(20)
    client.write(second.slice(0, at))
  })
})

test('the next request comes with the end of the one before, split at every byte', async () => {
  await splitSecond(async (client, at) => {
    client.write(head('GET /slow?ms=5') + second.slice(0, at))
    await client.until(/done\n/)
  })
})

test(`what a plain server says, byte for byte (seed ${SEED})`, async () => {
  await using serving = await serve('http', options)
  await isParking(serving)
  const random = new Random(SEED)
  const endsAt = performance.now() + SECONDS * 1000
  let scripts = 0
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (performance.now() < endsAt) {
        const script = scriptOf(random)
        scripts++
        const { said, lengths } = await rehearse(script)
        const pool = await play(script, serving.port, lengths).catch((error) => {
          throw new Error(
            `seed ${SEED}: ${error.message}; ${show(script)}\nexpected: ${said.slice(0, 2000)}`,
          )
        })
        if (pool !== said) assert.is(pool, said, `seed ${SEED}: ${show(script)}`)
      }
    }),
  )
  assert.ok(scripts > 20, `only ${scripts} scripts`)
  // A body that is broken off fails its handler.
  for (const { code } of serving.errors) assert.is(code, 'FT_ERR_HANDLER')
})

/** Without the words on what becomes of the connection. */
const withoutFate = (text: string): string =>
  text.replaceAll(/(?:Connection: (?:keep-alive|close)|Keep-Alive: [^\r]*)\r\n/gi, '')

test(`the same while reloads go on: all of it, or up to a response that says close (seed ${SEED})`, async () => {
  await using serving = await serve('http', { ...options, canaryTime: 0 })
  await isParking(serving)
  const random = new Random(SEED)
  const endsAt = performance.now() + Math.min(SECONDS, RELOADING_SECONDS) * 1000
  let scripts = 0
  let asked = 0
  const players = Array.from({ length: AT_A_TIME }, async () => {
    while (performance.now() < endsAt) {
      const script = scriptOf(random)
      scripts++
      const { said, lengths } = await rehearse(script)
      const pool = await play(script, serving.port, lengths)
      if (pool === said) continue
      // A thread that leaves with half a request read asks for the end.
      asked++
      const why = `seed ${SEED}: ${show(script)}\nsaid: ${pool.slice(0, 2000)}\nexpected: ${said.slice(0, 2000)}`
      assert.match(pool, /Connection: close\r\n/i, why)
      assert.ok(withoutFate(said).startsWith(withoutFate(pool)), why)
    }
  })
  let reloads = 0
  let isOver = false
  const reloading = (async () => {
    for (; !isOver; reloads++) await serving.pool.reload()
  })()
  await Promise.all(players).finally(() => {
    isOver = true
  })
  await reloading
  console.log(`${scripts} scripts over ${reloads} reloads, ${asked} of them asked to go`)
  assert.ok(asked < scripts / 3, `${asked} of ${scripts}`)
})

test('clients that vanish at any moment leave nothing behind', async () => {
  await using serving = await serve('http', options)
  await isParking(serving)
  const random = new Random(SEED)
  await Promise.all(
    Array.from({ length: 150 }, async () => {
      const script = scriptOf(random)
      const fatal = random.from(0, script.pieces.length - 1)
      using client = await RawClient.connect(serving.port)
      for (const [index, { bytes, waitMs }] of script.pieces.entries()) {
        client.write(Buffer.from(bytes, 'latin1'))
        await sleep(waitMs)
        if (index < fatal) continue
        if (random.next() < 0.5) client.socket.resetAndDestroy()
        else client.socket.destroy()
        return
      }
    }),
  )
  await leavesNothing(serving)
})

test('clients that reset a parked connection, before, in and behind the next request, leave nothing behind', async () => {
  await using serving = await serve('http', options)
  await isParking(serving)
  const all = Array.from({ length: second.length + 1 }, (_, at) => at)
  for (const pauseMs of [0, 1, 10]) {
    await Promise.all(
      all.map(async (at) => {
        using client = await RawClient.connect(serving.port)
        await client.write(head('GET /')).until(/hello\n$/)
        await sleep(20)
        client.write(second.slice(0, at))
        await sleep(pauseMs)
        client.socket.resetAndDestroy()
      }),
    )
  }
  await leavesNothing(serving)
})

async function leavesNothing(serving: Serving): Promise<void> {
  const isEmpty = () => {
    const { processes } = serving.pool.stats()
    return processes.every(
      ({ parked, threads }) =>
        parked === 0 && threads.every(({ connections }) => connections === 0),
    )
  }
  await until(isEmpty, LIMIT_MS, 'no connection left')
  // A handler that reads a body may find it cut off.
  for (const { code } of serving.errors) assert.is(code, 'FT_ERR_HANDLER')
}

test.run()
