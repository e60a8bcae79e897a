/** The access log: a line for each request, none lost and none twice, whatever happens to the file, the threads and the processes. */
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AccessLogFormat } from '#dist/shared/access-log.js'
import { type LoggedRequest, lineFormat } from '#dist/worker/access-log-line.js'
import { milliseconds, repeated } from '#dist/worker/log-text.js'
import { type Program, startCli } from './support/cli.js'
import { get, keepAliveAgent, portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { children, isRunning, send } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const COMBINED =
  /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "(GET|POST) (\S+) HTTP\/1\.1" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"$/

function start(log: string, ...args: string[]): Program {
  return startCli([
    ...[fixture('talkative'), '--listen', '127.0.0.1:0', '--access-log', log],
    ...(args.includes('--processes') ? [] : ['--processes', '2']),
    ...['--threads', '2', ...args],
  ])
}

/** The whole lines of all files that begin with this path. */
function linesOf(log: string): string[] {
  const folder = log.slice(0, log.lastIndexOf('/'))
  const files = readdirSync(folder).filter((name) => name.startsWith(basename(log)))
  return files.flatMap((name) =>
    readFileSync(`${folder}/${name}`, 'utf8').split('\n').filter(Boolean),
  )
}

test('combined, as Apache writes it', async () => {
  using folder = tempFolder()
  const log = folder.file('access.log')
  await using program = start(log)
  const [address = ''] = await program.ready()
  await get(`${address}/a?b=c`, { headers: { Referer: 'http://here/', 'User-Agent': 'te"st' } })
  await until(() => linesOf(log).length === 1, LIMIT_MS, 'a line')
  const [line = ''] = linesOf(log)
  const [, method, url, status, bytes, referer] = line.replace('\\"', "'").match(COMBINED) ?? []
  assert.equal([method, url, status, referer], ['GET', '/a?b=c', '200', 'http://here/'], line)
  assert.is(Number(bytes), String(program.children()[0]).length)
})

test('json says where a request was served and how long it took', async () => {
  using folder = tempFolder()
  const log = folder.file('access.log')
  await using program = start(log, '--access-log-format', 'json')
  const [address = ''] = await program.ready()
  const agent = keepAliveAgent()
  const { body: pid } = await get(`${address}/x`, { agent })
  await get(`${address}/y`, { agent })
  agent.destroy()
  await until(() => linesOf(log).length === 2, LIMIT_MS, 'two lines')
  for (const line of linesOf(log)) {
    const entry = JSON.parse(line)
    assert.is(entry.remote, '127.0.0.1')
    assert.is(entry.status, 200)
    assert.is(entry.bytes, pid.length)
    assert.ok(entry.durationMs >= 0 && entry.durationMs < LIMIT_MS)
    assert.ok(program.children().includes(entry.pid))
    assert.ok([0, 1].includes(entry.process) && [0, 1].includes(entry.thread))
    assert.is(entry.generation, 0)
    assert.match(entry.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  }
})

test('on standard output', async () => {
  await using program = start('-', '--access-log-format', 'common')
  const [address = ''] = await program.ready()
  await get(`${address}/out`)
  await program.output(/^127\.0\.0\.1 - - \[.*\] "GET \/out HTTP\/1\.1" 200 \d+$/m)
})

test('rotation under load, a reload and the end lose no line and write none twice, and a killed thread loses what its last turn answered at most', async () => {
  using folder = tempFolder()
  const log = folder.file('access.log')
  await using program = start(log, '--blocked-timeout', '1500', '--drain-timeout', '10000')
  const [address = ''] = await program.ready()
  const agent = keepAliveAgent(4)
  const expected: string[] = []
  let isOver = false
  const client = async (name: number): Promise<void> => {
    for (let number = 0; !isOver; number++) {
      const path = `/${name}/${number}`
      // A connection that closes at the moment of the request is the client's to try again, and was not served.
      const reply = await get(address + path, { agent }).catch(() => undefined)
      if (reply !== undefined) expected.push(path)
    }
  }
  const clients = [0, 1, 2, 3].map(client)
  const grown = async (by: number): Promise<void> => {
    const before = expected.length
    await until(() => expected.length > before + by, LIMIT_MS, 'more requests')
  }
  for (let rotation = 1; rotation <= 3; rotation++) {
    await grown(50)
    renameSync(log, `${log}.${rotation}`)
    program.send('SIGUSR1')
    await until(() => existsSync(log), LIMIT_MS, 'a new file')
    if (rotation === 2) program.send('SIGHUP')
  }
  // A process that leaves would be killed with its thread, and take along what nobody had read.
  await program.output(/reload 1: .*0 to go/, 'stderr')
  await get(`${address}/loop`).catch(() => undefined)
  await grown(50)
  isOver = true
  await Promise.all(clients)
  agent.destroy()
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  const logged = linesOf(log).map((line) => line.match(COMBINED)?.[2] ?? `no line: ${line}`)
  const counted = logged.filter((path) => path !== '/loop')
  assert.is(new Set(counted).size, counted.length, 'no line is there twice')
  const answered = new Set(expected)
  assert.equal(
    counted.filter((path) => !answered.has(path)),
    [],
  )
  // An answer that leaves in the very turn of the event loop in which `/loop` begins: its thread never comes to note it.
  const lines = new Set(counted)
  const missing = expected.filter((path) => !lines.has(path))
  // On a machine that is busy with other things another thread may be taken for a blocked one as well.
  const killed = program.stderr.match(/FT_ERR_THREAD_DIED/g)?.length ?? 0
  assert.ok(missing.length <= killed * clients.length, `${killed} killed: ${missing.join(', ')}`)
  assert.not.match(program.stderr, /inspector/i)
})

test('two upgrades, rotations that either parent is told of, a reload and the drain: every answer is there once', async () => {
  using folder = tempFolder()
  const log = folder.file('access.log')
  const pidFile = folder.file('pid')
  await using program = startCli([
    ...[fixture('routes'), '--listen', '127.0.0.1:0', '--access-log', log, '--pid-file', pidFile],
    ...['--processes', '2', '--threads', '2', '--canary-time', '100', '--drain-timeout', '20000'],
  ])
  const [address = ''] = await program.ready()
  const agent = keepAliveAgent(4)
  const asked = new Set<string>()
  const answered = new Set<string>()
  let isOver = false
  const ask = async (path: string): Promise<void> => {
    asked.add(path)
    // A connection that closes at the moment of the request is the client's to try again.
    const reply = await get(address + path, { agent }).catch(() => undefined)
    if (reply?.status === 200) answered.add(path)
  }
  const clients = [0, 1, 2, 3].map(async (name) => {
    for (let number = 0; !isOver; number++) await ask(`/${name}/${number}`)
  })
  const grown = async (): Promise<void> => {
    const before = answered.size
    await until(() => answered.size > before + 50, LIMIT_MS, 'more answers')
  }
  let rotations = 0
  const rotate = async (told: number): Promise<void> => {
    renameSync(log, `${log}.${++rotations}`)
    send(told, 'SIGUSR1')
    await until(() => existsSync(log), LIMIT_MS, 'a new file')
  }
  let parent = program.pid
  for (const upgrade of [1, 2]) {
    await grown()
    await rotate(parent)
    // Its child leaves when this client has gone.
    const patient = await RawClient.connect(portOf(address))
    patient.write(`GET /wait/${upgrade} HTTP/1.1\r\nHost: here\r\n\r\n`)
    await grown()
    const old = parent
    send(old, 'SIGUSR2')
    parent = await until(
      () => {
        const pid = Number(readFileSync(pidFile, 'utf8'))
        return pid > 0 && pid !== old ? pid : undefined
      },
      LIMIT_MS,
      'a new parent',
    )
    program.adopt(parent)
    await rotate(upgrade === 1 ? parent : old)
    const renamed = statSync(`${log}.${rotations}`)
    const writers = [old, parent].flatMap(children)
    await until(
      () => writers.every((pid) => !openFiles(pid).includes(renamed.ino)),
      LIMIT_MS,
      'nobody writes to the renamed file',
    )
    assert.ok(isRunning(old), 'the old parent still has something to finish')
    patient[Symbol.dispose]()
    await until(() => !isRunning(old), LIMIT_MS, 'the end of the old parent')
    assert.match(readFileSync(log, 'utf8'), new RegExp(`GET /wait/${upgrade} HTTP/1.1" 499`))
  }
  send(parent, 'SIGHUP')
  await program.output(/reload 1: .*0 to go/, 'stderr')
  await rotate(parent)
  await grown()
  isOver = true
  await Promise.all(clients)
  agent.destroy()
  send(parent, 'SIGTERM')
  await program.gone()
  const logged = linesOf(log)
    .map((line) => line.match(COMBINED)?.[2] ?? `no line: ${line}`)
    .filter((path) => !path.startsWith('/wait/'))
  const lines = new Set(logged)
  assert.is(lines.size, logged.length, 'no line is there twice')
  assert.equal(
    logged.filter((path) => !asked.has(path)),
    [],
    'nothing that nobody has asked for',
  )
  assert.equal(
    [...answered].filter((path) => !lines.has(path)),
    [],
    'no answer is missing',
  )
})

/** The numbers of the files that a process has open. */
function openFiles(pid: number): readonly number[] {
  const tried = <T>(read: () => readonly T[]): readonly T[] => {
    try {
      return read()
    } catch {
      // The process, or this file of it, has just gone.
      return []
    }
  }
  const descriptors = tried(() => readdirSync(`/proc/${pid}/fd`))
  return descriptors.flatMap((fd) => tried(() => [statSync(`/proc/${pid}/fd/${fd}`).ino]))
}

test('a file that can not be is a failed start, with a code', async () => {
  await using program = start('/nowhere/access.log')
  assert.equal(await program.exit(), { code: 1, signal: null })
  await program.outputEnd()
  assert.match(
    program.stderr,
    /accessLog: \/nowhere\/access\.log can't be opened: ENOENT.*\[FT_ERR_ACCESS_LOG\]/,
  )
})

test('what a client sends stays in its field', () => {
  const request = {
    at: Date.now(),
    remote: '',
    method: 'GET',
    url: '/"\\',
    protocol: 'HTTP/1.1',
    host: undefined,
    referer: undefined,
    agent: 'a\x7f" "b',
    status: 200,
    bytes: 0,
    durationMs: 1,
    queueMs: undefined,
  }
  assert.match(
    line('combined', request),
    /^- - - \[.*\] "GET \/\\"\\\\ HTTP\/1\.1" 200 - "-" "a\\x7f\\" \\"b"\n$/,
  )
  const bytes = { ...request, url: '/\xfc\n', referer: '\u20ac' }
  assert.match(line('combined', bytes), /"GET \/\\xfc\\x0a .* "\\xe2\\x82\\xac" /)
})

test('a line of json is one, whatever comes, and its times are those that were given', () => {
  for (const text of ['/plain', '/"\\', '\n', '\x7f\x85', 'ü', '\u{1f600}', '\ud800'])
    for (const ms of [0, 0.001, 0.0204, 1, 1.5, 10.05, 999.9996, 1e9, 3e9]) {
      const many = { method: text, url: text, host: text, referer: text, agent: text }
      const times = { durationMs: ms, queueMs: ms }
      const request = { remote: '::1', protocol: 'HTTP/1.1', status: 200, bytes: 7 }
      const at = 1795744800000 + (Math.floor(ms) % 1e6)
      const written = line('json', { at, ...request, ...many, ...times })
      assert.match(written, /^[\x20-\x7e]+\n$/)
      const { time, userAgent, ...entry } = JSON.parse(written)
      assert.is(Date.parse(time), at)
      assert.is(userAgent, text)
      const rounded = Math.round(ms * 1000) / 1000
      const { agent, ...fields } = { ...request, ...many, ...place }
      assert.equal(entry, { ...fields, durationMs: rounded, queueMs: rounded })
    }
  const unknown = { host: undefined, referer: undefined, agent: undefined, queueMs: undefined }
  const request = { remote: '', method: 'GET', url: '/', protocol: 'HTTP/1.0', ...unknown }
  const bare = line('json', { at: 0, ...request, status: 499, bytes: 0, durationMs: 1 })
  assert.equal(Object.keys(JSON.parse(bare)), [
    ...['time', 'remote', 'method', 'url', 'protocol', 'status', 'bytes', 'durationMs'],
    ...['process', 'thread', 'generation', 'pid'],
  ])
})

test('milliseconds have three places at most', () => {
  const shown = [0, 0.0004, 0.0204, 0.9994, 0.9996, 1, 10.05, 999.9996, 2 ** 40].map(milliseconds)
  assert.equal(shown, ['0', '0', '0.02', '0.999', '1', '1', '10.05', '1000', '1099511627776'])
})

test('a piece is made again for other values, and for them alone', () => {
  const made: string[] = []
  const piece = repeated((a: string, b: number | undefined) => {
    made.push(`${a}${b}`)
    return `<${a}${b}>`
  })
  const shown = [piece('a', 1), piece('a', 1), piece('a', 1), piece('a', undefined), piece('b', 1)]
  assert.equal(shown, ['<a1>', '<a1>', '<a1>', '<aundefined>', '<b1>'])
  assert.equal(made, ['a1', 'aundefined', 'b1'])
})

const place = { process: 2, thread: 1, generation: 3, pid: 4711 }

function line(format: AccessLogFormat, request: LoggedRequest): string {
  return lineFormat(format, place)(request)
}

test.run()
