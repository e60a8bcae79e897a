/** Reload: new code and new options take the place of the old ones, or nothing changes and the reason is told. */
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool, type ForkthreadError, type PoolOptions, type ReloadProgress } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from './support/cli.js'
import { get, portOf, raw } from './support/http.js'
import { fixture } from './support/paths.js'
import { children, send } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
/** No process starts and ends within that. */
const SAMPLE_EVERY_MS = 20

const answer = (word: string): string => `export default (req, res) => res.end('${word}')\n`

/** A pool whose handler the test can change; `write` does so. It has one process, unless more of them could make a difference. */
async function project(options: Partial<PoolOptions> = {}) {
  const folder = tempFolder()
  const write = (text: string): void => writeFileSync(folder.file('app.mjs'), text)
  write(answer('one'))
  const handler = folder.file('app.mjs')
  const size = { processes: 1, threads: 1, canaryTime: 50, drainTimeout: 5_000 }
  const pool = await createPool({ handler, listen: '127.0.0.1:0', ...size, ...options })
  const errors: ForkthreadError[] = []
  pool.on('error', (error) => errors.push(error as ForkthreadError))
  const progress: ReloadProgress[] = []
  pool.on('reload', (step) => progress.push(step))
  const pids = (): number[] => pool.stats().processes.map(({ pid }) => pid)
  const says = async (): Promise<string> => (await get(pool.address)).body
  const dispose = async (): Promise<void> => {
    await pool.close()
    folder[Symbol.dispose]()
  }
  return { pool, folder, write, errors, progress, pids, says, [Symbol.asyncDispose]: dispose }
}

async function failure(promise: Promise<unknown>): Promise<ForkthreadError> {
  const error = await within(
    promise.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
    LIMIT_MS,
    'end of the reload',
  )
  assert.instance(error, Error)
  return error as ForkthreadError
}

test('new code in new processes; steps are told, and never more than one process above the usual number', async () => {
  await using one = await project({ processes: 3 })
  const before = one.pids()
  let most = 0
  let fewestReady = Number.POSITIVE_INFINITY
  const sample = setInterval(() => {
    most = Math.max(most, children(process.pid).length)
    const ready = one.pool.stats().processes.filter(({ state }) => state === 'ready')
    fewestReady = Math.min(fewestReady, ready.length)
  }, SAMPLE_EVERY_MS)
  one.write(answer('two'))
  await one.pool.reload().finally(() => clearInterval(sample))
  assert.is(await one.says(), 'two')
  assert.is(one.pids().length, 3)
  assert.not(one.pids().some((pid) => before.includes(pid)))
  assert.is(one.pool.stats().generation, 1)
  assert.ok(one.pool.stats().processes.every(({ generation }) => generation === 1))
  assert.is(most, 4)
  assert.is(fewestReady, 3)
  assert.equal([...new Set(one.progress.map(({ phase }) => phase))], ['canary', 'rolling', 'done'])
  const { replaced, remaining } = one.progress.at(-1) as ReloadProgress
  assert.equal({ replaced, remaining }, { replaced: 3, remaining: 0 })
  assert.equal(one.errors, [])
})

test('reloadBatch: so many above the usual number at a time, and all are replaced', async () => {
  await using one = await project({ processes: 4, reloadBatch: 2 })
  const before = one.pids()
  let most = 0
  const sample = setInterval(() => {
    most = Math.max(most, children(process.pid).length)
  }, SAMPLE_EVERY_MS)
  await one.pool.reload().finally(() => clearInterval(sample))
  assert.ok(most <= 6, `${most} processes`)
  assert.is(one.pids().length, 4)
  assert.not(one.pids().some((pid) => before.includes(pid)))
})

test('new options: another handler of another kind, other sizes; and a fixed one is refused', async () => {
  await using one = await project()
  await one.pool.reload({ handler: fixture('raw'), processes: 3, threads: 2 })
  const { address } = one.pool
  assert.match(address, /^tcp:/)
  const echoed = await raw(portOf(address.replace('tcp:', 'http:')), 'hello\n', {
    enough: (received) => received.includes('\n'),
  })
  assert.is(String(echoed), 'you said hello\n')
  await until(() => one.pids().length === 3, LIMIT_MS, 'three processes')
  await until(() => one.pool.stats().threads.idle === 6, LIMIT_MS, 'six threads')

  const before = one.pids()
  const error = await failure(one.pool.reload({ listen: '127.0.0.1:1' }))
  assert.is(error.code, 'FT_ERR_OPTION_FIXED')
  assert.is((await failure(one.pool.reload({ threads: 0 }))).code, 'FT_ERR_OPTION')
  assert.equal(one.pids(), before)
  // Fewer again: what is too many leaves.
  await one.pool.reload({ processes: 1 })
  assert.is(one.pids().length, 1)
  assert.equal(one.errors, [])
})

interface Failure {
  readonly name: string
  readonly code: string
  readonly text: string
  /** In the stack of the error or of one of its causes. */
  readonly stack?: RegExp
  readonly options?: Partial<PoolOptions>
}

const failures: readonly Failure[] = [
  {
    name: 'throws at import',
    code: 'FT_ERR_HANDLER_LOAD',
    text: "throw new Error('at import')\n",
    stack: /at import[\s\S]*app\.mjs/,
  },
  { name: 'is no JavaScript', code: 'FT_ERR_HANDLER_LOAD', text: 'export default (\n' },
  {
    name: 'rejects in setup',
    code: 'FT_ERR_HANDLER_LOAD',
    text: "export const setup = async () => { throw new Error('in setup') }\nexport default () => {}\n",
    stack: /in setup[\s\S]*app\.mjs/,
  },
  { name: 'exports nothing', code: 'FT_ERR_HANDLER_EXPORT', text: 'export {}\n' },
  {
    name: 'is never ready',
    code: 'FT_ERR_START_TIMEOUT',
    text: 'export const setup = () => new Promise(() => {})\nexport default () => {}\n',
    options: { startTimeout: 5_000 },
  },
  {
    name: 'dies on trial',
    code: 'FT_ERR_RELOAD',
    text: "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1500)\nexport default () => {}\n",
    options: { canaryTime: 15_000 },
  },
  {
    name: 'loses a thread on trial',
    code: 'FT_ERR_RELOAD',
    text: "setTimeout(() => { throw new Error('in a timer') }, 1500)\nexport default () => {}\n",
    stack: /in a timer[\s\S]*app\.mjs/,
    options: { canaryTime: 15_000 },
  },
]

function stacksOf(error: unknown): string {
  return error instanceof Error ? `${error.stack}\n${stacksOf(error.cause)}` : ''
}

for (const { name, code, text, stack, options } of failures) {
  test(`new code that ${name}: the old processes go on, and the error is told`, async () => {
    await using one = await project(options)
    const before = one.pids()
    one.write(text)
    const error = await failure(one.pool.reload())
    assert.is(error.code, code, error.message)
    if (stack !== undefined) assert.match(stacksOf(error), stack)
    assert.is(one.progress.at(-1)?.phase, 'failed')
    const isAlone = () => children(process.pid).length === 1 && one.pids().length === 1
    await until(isAlone, LIMIT_MS, 'the end of the new process')
    assert.equal(one.pids(), before)
    assert.is(one.pool.stats().generation, 0)
    assert.is(await one.says(), 'one')
    one.write(answer('mended'))
    await one.pool.reload({ canaryTime: 0 })
    assert.is(await one.says(), 'mended')
  })
}

test('while one reload runs the next waits, and all further ones join that', async () => {
  await using one = await project({ processes: 2 })
  const first = one.pool.reload()
  await until(() => one.progress.length > 0, LIMIT_MS, 'the begin of the first')
  one.write(answer('two'))
  await Promise.all([first, one.pool.reload(), one.pool.reload({ threads: 2 }), one.pool.reload()])
  assert.is(one.pool.stats().generation, 2)
  assert.is(await one.says(), 'two')
  assert.is(one.pool.sizes.threads.max, 2)
})

test('old processes die during a reload: what follows them is of the new generation', async () => {
  await using one = await project({ processes: 3, canaryTime: 300 })
  const old = one.pids()
  one.write(answer('two'))
  const reload = one.pool.reload()
  await until(() => one.progress.some(({ step }) => /on trial/.test(step)), LIMIT_MS, 'the trial')
  for (const pid of old) send(pid, 'SIGKILL')
  await within(reload, LIMIT_MS, 'the end of the reload')
  const isRenewed = () => {
    const { processes } = one.pool.stats()
    const ready = processes.filter(({ state }) => state === 'ready')
    return ready.length === 3 && ready.every(({ generation }) => generation === 1)
  }
  await until(isRenewed, LIMIT_MS, 'three new processes')
  assert.is(await one.says(), 'two')
})

test('a handler whose processes die again and again is mended by a reload', async () => {
  await using one = await project({ processes: 2 })
  one.write("throw new Error('broken on disk')\n")
  for (const pid of one.pids()) send(pid, 'SIGKILL')
  await until(
    () => one.errors.some(({ code }) => code === 'FT_ERR_HANDLER_LOAD'),
    LIMIT_MS,
    'a start that failed',
  )
  one.write(answer('mended'))
  await within(one.pool.reload(), LIMIT_MS, 'the end of the reload')
  assert.is(await one.says(), 'mended')
  await until(() => one.pids().length === 2, LIMIT_MS, 'two processes')
})

test('close during a reload, at each of its stages, ends both; and a closed pool is not reloaded', async () => {
  for (const stage of [/reading the options/, /starting the first/, /on trial/, /has stayed up/]) {
    await using one = await project({ processes: 2, canaryTime: 200 })
    const reload = failure(one.pool.reload())
    const isThere = () => one.progress.some(({ step }) => stage.test(step))
    if (stage.source !== 'reading the options') await until(isThere, LIMIT_MS, String(stage))
    await within(one.pool.close(), LIMIT_MS, 'close')
    assert.is((await reload).code, 'FT_ERR_CLOSED', String(stage))
    assert.equal(children(process.pid), [])
    assert.is((await failure(one.pool.reload())).code, 'FT_ERR_CLOSED')
    assert.equal(one.errors, [])
  }
})

test('close while a reload asks for its options: nobody is started any more', async () => {
  let give: (options: PoolOptions) => void = () => undefined
  const asked = new Promise<PoolOptions>((resolve) => {
    give = resolve
  })
  await using one = await project({ reloadOptions: () => asked })
  const handler = one.folder.file('app.mjs')
  const before = one.pids()
  const forked: number[] = []
  const reload = failure(one.pool.reload())
  await one.pool.close()
  give({ handler, listen: '127.0.0.1:0' })
  const sample = setInterval(() => forked.push(...children(process.pid)), SAMPLE_EVERY_MS)
  assert.is((await reload.finally(() => clearInterval(sample))).code, 'FT_ERR_CLOSED')
  assert.equal(
    forked.filter((pid) => !before.includes(pid)),
    [],
  )
  assert.equal(children(process.pid), [])
})

test('processes that fail after the canary stop the reload halfway; the next one ends it', async () => {
  await using one = await project({ processes: 4, reloadBatch: 2 })
  one.write(answer('two'))
  one.pool.on('reload', ({ step }) => {
    if (/has stayed up/.test(step)) one.write("throw new Error('lost on disk')\n")
  })
  const error = await failure(one.pool.reload())
  assert.is(error.code, 'FT_ERR_RELOAD_HALFWAY', error.message)
  assert.match(stacksOf(error), /lost on disk[\s\S]*app\.mjs/)
  const isSettled = () => one.pids().length === 4 && children(process.pid).length === 4
  await until(isSettled, LIMIT_MS, 'four processes')
  const generations = () => one.pool.stats().processes.map(({ generation }) => generation)
  assert.equal(generations().sort(), [0, 0, 0, 1])
  one.pool.removeAllListeners('reload')
  one.write(answer('three'))
  await one.pool.reload()
  assert.equal(generations(), [2, 2, 2, 2])
  assert.is(await one.says(), 'three')
})

test('a reload does not wait for who was leaving before, nor does that end early', async () => {
  await using one = await project({ processes: 2 })
  one.write(`export default (req, res) =>
    req.url === '/open' ? res.write(\`begun by \${process.pid};\`) : res.end('two')\n`)
  await one.pool.reload()
  using client = await RawClient.connect(portOf(one.pool.address))
  client.write('GET /open HTTP/1.1\r\nHost: a\r\n\r\n')
  const pid = Number((await client.until(/begun by (\d+);/))[1])
  const state = (): string | undefined =>
    one.pool.stats().processes.find((process) => process.pid === pid)?.state
  send(pid, 'SIGTERM')
  await until(() => state() === 'draining', LIMIT_MS, 'the begin of its leave')
  await until(() => one.pids().length === 3, LIMIT_MS, 'another one in its place')
  const before = one.pids().filter((other) => other !== pid)
  await one.pool.reload()
  assert.is(state(), 'draining')
  assert.not(one.pids().some((other) => before.includes(other)))
  client.socket.destroy()
  await until(() => state() === undefined, LIMIT_MS, 'its end')
  assert.equal(one.errors, [])
})

test('a resize during a reload is kept', async () => {
  await using one = await project({ processes: 2, canaryTime: 200 })
  const reload = one.pool.reload()
  await until(() => one.progress.length > 0, LIMIT_MS, 'the begin')
  one.pool.resize({ processes: 3 })
  await reload
  await until(() => one.pids().length === 3, LIMIT_MS, 'three processes')
})

test('a process that has grown is followed by one of its size', async () => {
  await using serving = await serve('http', {
    processes: 1,
    threads: { min: 1, max: 4 },
    spares: { min: 1, max: 4 },
    canaryTime: 50,
  })
  const slow = Array.from({ length: 4 }, () => get(`${serving.url}/block?ms=1500`))
  await until(() => serving.pool.stats().threads.busy === 4, LIMIT_MS, 'four busy threads')
  const threads: number[] = []
  serving.pool.on('child', () => {
    const newest = serving.pool.stats().processes.find(({ generation }) => generation === 1)
    threads.push(newest?.threads.length ?? 0)
  })
  await serving.pool.reload()
  assert.equal(threads, [4])
  for (const reply of await Promise.all(slow)) assert.is(reply.status, 200)
})

/** A program with a configuration file that imports another one. */
function configured() {
  const folder = tempFolder()
  const write = (name: string, text: string): void => writeFileSync(folder.file(name), text)
  write('app.mjs', 'export default (req, res) => res.end(process.env.WORD)\n')
  write('words.mjs', "export const WORD = 'one'\n")
  write(
    'forkthread.config.mjs',
    `import { WORD } from './words.mjs'
export default { handler: './app.mjs', listen: '127.0.0.1:0', admin: 'unix:${folder.file('admin')}',
  processes: 1, threads: 1, canaryTime: 50, env: { WORD } }
`,
  )
  const start = () => startCli(['--config', folder.file('forkthread.config.mjs')])
  const admin = `unix:${folder.file('admin')}`
  return { folder, write, start, admin, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

test('the command reloads, with the configuration file and what that imports read anew; HUP does the same', async () => {
  using files = configured()
  await using program = files.start()
  const [url = ''] = await program.ready()
  files.write('words.mjs', "export const WORD = 'two'\n")
  const reload = await runCli(['reload', '--admin', files.admin])
  assert.is(reload.code, 0, reload.stderr)
  assert.match(reload.stderr, /process \d+ is ready and on trial[\s\S]*reloaded/)
  assert.is((await get(url)).body, 'two')
  files.write('words.mjs', "export const WORD = 'three'\n")
  program.send('SIGHUP')
  await program.output(/reload 2: all processes/, 'stderr')
  assert.is((await get(url)).body, 'three')
})

test('a reload that fails: exit status 1 of the command, the stack of the handler there and in the log', async () => {
  using files = configured()
  await using program = files.start()
  const [url = ''] = await program.ready()
  files.write('app.mjs', "throw new Error('a typing error')\n")
  const { code, stderr } = await runCli(['reload', '--admin', files.admin])
  assert.is(code, 1)
  for (const text of [stderr, program.stderr]) {
    assert.match(text, /FT_ERR_HANDLER_LOAD/)
    assert.match(text, /a typing error[\s\S]*app\.mjs:1/)
  }
  assert.is((await get(url)).body, 'one')
})

test('a configuration file that is broken, ends its thread or never ends does not keep later reloads', async () => {
  using files = configured()
  await using program = files.start()
  const [url = ''] = await program.ready()
  const broken = [
    'export const WORD = (\n',
    'process.exit(3)\n',
    'await new Promise(() => {})\n',
    "throw new Error('no')\n",
  ]
  for (const text of broken) {
    files.write('words.mjs', text)
    const { code, stderr } = await runCli(['reload', '--admin', files.admin])
    assert.is(code, 1, text)
    assert.match(stderr, 'FT_ERR_CONFIG')
    assert.is((await get(url)).body, 'one')
  }
  files.write('words.mjs', "setInterval(() => {}, 1000)\nexport const WORD = 'two'\n")
  assert.is((await runCli(['reload', '--admin', files.admin])).code, 0)
  assert.is((await get(url)).body, 'two')
})

test('orders are refused that a web page could give', async () => {
  await using one = await project({ admin: '127.0.0.1:0' })
  const admin = one.pool.adminAddress ?? ''
  const json = { 'Content-Type': 'application/json' }
  const refused = [
    { status: 405, method: 'GET', headers: json },
    { status: 403, method: 'POST', headers: {} },
    { status: 403, method: 'POST', headers: { 'Content-Type': 'text/plain' } },
    { status: 403, method: 'POST', headers: { ...json, Origin: 'http://localhost' } },
    { status: 403, method: 'POST', headers: { ...json, Host: 'example.org' } },
  ]
  for (const { status, method, headers } of refused)
    for (const path of ['/reload', '/upgrade', '/stop'])
      assert.is((await get(`${admin}${path}`, { method, headers })).status, status)
  assert.is(one.progress.length, 0)
  const done = await get(`${admin}/reload`, { method: 'POST', headers: json })
  assert.equal(JSON.parse(done.body.trim().split('\n').at(-1) ?? ''), { done: true })
  assert.is(one.pool.stats().generation, 1)
})

test('orders that join one reload each get its error, and the log gets it once', async () => {
  let ask = (): void => undefined
  const asked = new Promise<void>((resolve) => (ask = resolve))
  const reloadOptions = async (): Promise<PoolOptions> => {
    await asked
    return { handler: 'no-such-file.js' }
  }
  await using one = await project({ admin: '127.0.0.1:0', reloadOptions })
  const running = failure(one.pool.reload())
  const headers = { 'Content-Type': 'application/json' }
  const replies = Array.from({ length: 3 }, () =>
    get(`${one.pool.adminAddress}/reload`, { method: 'POST', headers }),
  )
  // Each order follows what the pool tells.
  await until(() => one.pool.listenerCount('decision') === 3, LIMIT_MS, 'three orders')
  ask()
  assert.is((await running).code, 'FT_ERR_HANDLER_NOT_FOUND')
  for (const { body } of await Promise.all(replies)) assert.match(body, 'FT_ERR_HANDLER_NOT_FOUND')
  assert.equal(
    one.errors.map(({ code }) => code),
    ['FT_ERR_HANDLER_NOT_FOUND'],
  )
})

test('who has given an order and leaves does not stop it', async () => {
  await using one = await project({ admin: '127.0.0.1:0', canaryTime: 300 })
  const headers = { 'Content-Type': 'application/json' }
  const asked = request(`${one.pool.adminAddress}/reload`, {
    method: 'POST',
    headers,
    agent: false,
  })
  asked.on('error', () => undefined)
  asked.end()
  await until(() => one.progress.length > 0, LIMIT_MS, 'the begin')
  asked.destroy()
  await until(() => one.progress.at(-1)?.phase === 'done', LIMIT_MS, 'the end of the reload')
  await sleep(0)
  assert.equal(one.errors, [])
})

test.run()
