/** Words between threads: channels reach every thread of every process and the parent; one thread of the pool leads. */
import { writeFileSync } from 'node:fs'
import { io, type Socket } from 'socket.io-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPool, type Pool } from '#dist/index.js'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { example, packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000

/** Says where it runs, what it has heard, and whether it leads; posts what it is asked to. */
const APP = `import { channel, context } from '${packageRoot}/dist/handler.js'
const who = \`\${context.pid}.\${context.thread}\`
const heard = []
const words = channel('words')
words.onmessage = ({ data }) => {
  heard.push(data)
  if (data.ask) words.postMessage({ answer: who, leads: context.isLeader, heard: [...heard] })
}
let led = 0
context.onLeader((signal) => {
  led++
  channel('leaders').postMessage({ who, at: Date.now() })
  signal.addEventListener('abort', () => channel('leaders').postMessage({ who, gone: true }))
})
export default (request, response) => {
  if (request.url === '/exit') setImmediate(() => process.exit(1))
  if (request.url === '/post') for (let n = 0; n < 1000; n++) words.postMessage({ who, n, map: new Map([[n, new Date(n)]]) })
  response.end(JSON.stringify({ who, leads: context.isLeader }))
}
`

interface Answer {
  readonly answer: string
  readonly leads: boolean
  readonly heard: readonly { readonly who?: string; readonly n?: number }[]
}

async function start(app: string): Promise<Pool> {
  const sizes = { processes: 2, threads: 2, canaryTime: 100 }
  return await createPool({ handler: app, listen: '127.0.0.1:0', ...sizes })
}

/** Asks all threads, until four have answered. */
async function askAll(pool: Pool): Promise<readonly Answer[]> {
  const words = pool.channel('words')
  const answers = new Map<string, Answer>()
  words.onmessage = ({ data }) => {
    if (data.answer !== undefined) answers.set(data.answer, data)
  }
  // Those that have only just started have not heard the first question.
  const again = setInterval(() => words.postMessage({ ask: true }), 500)
  try {
    words.postMessage({ ask: true })
    await until(() => answers.size >= 4, LIMIT_MS, 'answers of four threads')
  } finally {
    clearInterval(again)
    words.close()
  }
  return [...answers.values()]
}

test('what a thread posts reaches every other thread and the parent, in its order', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  await using pool = await start(folder.file('app.mjs'))
  const words = pool.channel('words')
  const got: { readonly n?: number; readonly map?: Map<number, Date> }[] = []
  words.onmessage = ({ data }) => {
    if (data.n !== undefined) got.push(data)
  }
  const { who } = JSON.parse((await get(`${pool.address}/post`)).body) as { who: string }
  await until(() => got.length === 1000, LIMIT_MS, '1000 messages')
  assert.equal(
    got.map(({ n }) => n),
    Array.from({ length: 1000 }, (_, n) => n),
  )
  assert.equal(got[7]?.map, new Map([[7, new Date(7)]]))
  for (const { answer, heard } of await askAll(pool)) {
    const numbers = heard.filter((one) => one.who === who).map(({ n }) => n)
    const expected = answer === who ? [] : got.map(({ n }) => n)
    assert.equal(numbers, expected, `${answer} of ${who}`)
  }
})

test('what can not be cloned is refused', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  await using pool = await start(folder.file('app.mjs'))
  const words = pool.channel('words')
  assert.throws(
    () => words.postMessage(() => undefined),
    (error: Error & { code?: string }) => error.code === 'FT_ERR_CHANNEL_DATA',
  )
  words.close()
  assert.throws(
    () => words.postMessage(1),
    (error: Error & { code?: string }) => error.code === 'FT_ERR_CLOSED',
  )
})

test('exactly one thread leads; another one does when it dies, and after a reload', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  await using pool = await start(folder.file('app.mjs'))
  pool.on('error', () => undefined)
  const leads = async (): Promise<string> => {
    const leaders = (await askAll(pool)).filter((one) => one.leads)
    assert.ok(leaders.length <= 1, JSON.stringify(leaders))
    return leaders[0]?.answer ?? ''
  }
  const untilLed = async (not = ''): Promise<string> => {
    let leader = ''
    for (const end = Date.now() + LIMIT_MS; leader === '' || leader === not; ) {
      if (Date.now() > end) throw new Error(`still ${leader}`)
      leader = await leads()
    }
    return leader
  }
  const first = await untilLed()
  await pool.reload()
  const second = await untilLed(first)
  // It dies: the pool goes on, and so does somebody's leadership.
  const asked = async (): Promise<boolean> => {
    const { body } = await get(pool.address)
    return (JSON.parse(body) as { who: string }).who === second
  }
  for (let tries = 0; tries < 200 && !(await asked()); tries++);
  process.kill(Number(second.split('.')[0]), 'SIGKILL')
  assert.is.not(await untilLed(second), second)
})

test('the example: an entry that one thread changes is forgotten by all', async () => {
  using folder = tempFolder()
  const size = ['--processes', '2', '--threads', '2']
  const args = [example('cache-invalidation'), '--listen', '127.0.0.1:0', ...size]
  await using program = startCli(args, { env: { STORE: folder.path } })
  const [url = ''] = await program.ready()
  const price = `${url}/price`
  for (const value of ['1', '2', '3']) {
    await fetch(price, { method: 'PUT', body: value })
    await until(
      async () => {
        const bodies = await Promise.all(
          Array.from({ length: 16 }, async () => (await get(price)).body),
        )
        return bodies.every((body) => body === value)
      },
      LIMIT_MS,
      'the new price everywhere',
    )
  }
})

test('the example: a room of Socket.IO spans all threads', async () => {
  const size = ['--processes', '2', '--threads', '2']
  const args = [example('socket.io'), '--listen', '127.0.0.1:0', ...size]
  await using program = startCli(args)
  const [url = ''] = await program.ready()
  const clients: Socket[] = []
  const places = new Set<unknown>()
  const openSome = async (): Promise<void> => {
    const some = Array.from({ length: 8 }, () =>
      io(url, { transports: ['websocket'], reconnection: false }),
    )
    clients.push(...some)
    await Promise.all(some.map((client) => client.emitWithAck('join', 'tea')))
    for (const client of some) places.add(await client.emitWithAck('where'))
  }
  try {
    // One thread may be quick enough for eight.
    await until(
      async () => {
        await openSome()
        return places.size > 1
      },
      LIMIT_MS,
      'clients of several threads',
    )
    const heard = clients.map(
      (client) => new Promise<string>((resolve) => client.once('said', resolve)),
    )
    clients[0]?.emit('say', 'tea', 'hello')
    const all = await within(Promise.all(heard), LIMIT_MS, () => 'all to hear it')
    assert.equal(all, Array(clients.length).fill('hello'))
  } finally {
    for (const client of clients) client.close()
  }
})

test.run()
