/** What the pool and its handlers print: it comes out whole, and no reader that is slow, gone or broken ends or stops anything. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, runCli, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { cliPath, fixture } from './support/paths.js'
import { RawClient } from './support/raw-client.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const TEARDOWN_LINES = 500

/** A pool whose output goes where the shell sends it; a unix path, since its address may not be told. */
class Redirected {
  readonly program: Program
  readonly #path: string
  readonly #pidFile: string

  constructor(folder: { file(name: string): string }, redirection: string, more: string[] = []) {
    this.#path = folder.file('socket')
    this.#pidFile = folder.file('pid')
    const args = [
      '--pid-file',
      this.#pidFile,
      '--listen',
      `unix:${this.#path}`,
      '--processes',
      '2',
      '--threads',
      '1',
    ]
    this.program = startCli([fixture('talkative'), ...args, '--drain-timeout', '5000', ...more], {
      launcher: ['bash', '-c', `exec "$@" ${redirection}`, 'bash'],
    })
  }

  /** Its processes, without those of the shell's redirection. */
  children(): number[] {
    const isNode = (pid: number): boolean => {
      try {
        return readFileSync(`/proc/${pid}/maps`, 'utf8').includes(process.execPath)
      } catch {
        // It has ended since it was listed.
        return false
      }
    }
    return this.program.children().filter(isNode)
  }

  async ready(): Promise<void> {
    // Held from the beginning, written once the pool serves.
    const isWritten = (): boolean =>
      existsSync(this.#pidFile) && readFileSync(this.#pidFile, 'utf8') !== ''
    await until(isWritten, LIMIT_MS, 'a pid file')
  }

  /** The body of the answer. */
  async ask(path: string): Promise<string> {
    using client = await RawClient.connect(this.#path)
    client.write(`GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`)
    const answer = await client.end()
    assert.match(answer, /^HTTP\/1.1 200 /)
    return answer.slice(answer.indexOf('\r\n\r\n') + 4)
  }
}

for (const [what, redirection] of [
  ['standard error has lost its reader', '2> >(head -n 1 >/dev/null)'],
  ['both have lost their reader', '> >(head -n 1 >/dev/null) 2> >(head -n 1 >/dev/null)'],
  ['both were closed', '>&- 2>&-'],
  ['the disk is full', '>/dev/full 2>/dev/full'],
  ['nobody reads', '> >(exec sleep 1000) 2>&1'],
] as const) {
  test(`${what}: requests, reload and stop go on`, async () => {
    using folder = tempFolder()
    const pool = new Redirected(folder, redirection)
    await using program = pool.program
    await pool.ready()
    const before = pool.children()
    for (let count = 0; count < 30; count++) await pool.ask('/?lines=10&errors=10&size=1000')
    assert.equal(pool.children(), before, 'no process died')

    program.send('SIGHUP')
    await until(
      () => pool.children().every((pid) => !before.includes(pid)) && pool.children().length === 2,
      LIMIT_MS,
      'reloaded',
    )
    await pool.ask('/?lines=10&errors=10&size=1000')
    program.send('SIGTERM')
    assert.equal(await program.exit(), { code: 0, signal: null })
  })
}

test('lines that could not be written are counted, and their number is told when they can be again', async () => {
  using folder = tempFolder()
  const pipe = folder.file('pipe')
  execFileSync('mkfifo', [pipe])
  const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  const pool = new Redirected(folder, `> ${pipe}`, ['--processes', '1'])
  await using program = pool.program
  await pool.ready()
  await pool.ask('/?lines=1000&size=1000')
  let lines = 0
  const read = (): number => {
    const text = readAll(reader)
    lines += text.match(/^line /gm)?.length ?? 0
    return lines
  }
  await until(
    async () => {
      read()
      return /lost \d+ line/.test(program.stderr)
    },
    LIMIT_MS,
    'word of the lost lines',
  )
  const [, lost] = await program.output(
    /lost (\d+) lines of its stdout.*FT_ERR_OUTPUT_LOST/,
    'stderr',
  )
  await until(() => read() + Number(lost) === 1000, LIMIT_MS, 'all other lines')
  closeSync(reader)
})

test('what a thread printed before an endless loop comes out, the half of a line too', async () => {
  await using program = startCli([
    ...[fixture('talkative'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
    ...['--blocked-timeout', '2000'],
  ])
  const [address = ''] = await program.ready()
  await get(`${address}/loop?lines=500&errors=500&half`).catch(() => undefined)
  await program.output(/half a line/)
  await program.output(/^error 499 /m, 'stderr')
  assert.is(count(program.stdout, /^line \d+/gm), 500)
  assert.is(count(program.stderr, /^error \d+/gm), 500)
})

test('a flood from all threads at once: each line is whole, with its thread, once and in its order, or it is told as lost', async () => {
  const requests = 24
  const linesEach = 100
  await using program = startCli([
    ...[fixture('floods'), '--listen', '127.0.0.1:0', '--processes', '2', '--threads', '4'],
    '--thread-prefix',
  ])
  const [address = ''] = await program.ready()
  const ask = (id: number): Promise<unknown> => get(`${address}/${id}/${linesEach}`)
  await Promise.all(Array.from({ length: requests }, (_, id) => ask(id)))
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.outputEnd()
  const seen = new Map<string, number>()
  let whole = 0
  for (const stream of ['stdout', 'stderr'] as const)
    for (const line of program[stream].split('\n')) {
      if (!line.includes('@')) continue
      const found = /^\[[01]\.[0-3]\] @(\d+) (\d+) (\d+) (x*)\.$/.exec(line)
      assert.ok(found, `not a whole line: ${line.slice(0, 200)} … ${line.slice(-200)}`)
      const [, id = '', number = '', length, text = ''] = found
      assert.is(text.length, Number(length))
      const before = seen.get(`${stream} ${id}`) ?? -1
      assert.ok(Number(number) > before, `${stream}: ${id} ${number} after ${before}`)
      seen.set(`${stream} ${id}`, Number(number))
      whole++
    }
  // A reader that is kept from reading for so long loses lines, and hears how many.
  const told = [...program.stderr.matchAll(/(\d+) lines? .*FT_ERR_OUTPUT_LOST/g)]
  const lost = told.reduce((sum, [, lines]) => sum + Number(lines), 0)
  assert.is(whole + lost, requests * linesEach, program.stderr.replace(/@.*/g, ''))
})

test('with a prefix each line says which thread has printed it', async () => {
  await using program = startCli([
    ...[fixture('talkative'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
    '--thread-prefix',
  ])
  const [address = ''] = await program.ready()
  await get(`${address}/?lines=20`)
  await program.output(/^\[0\.0\] line 19 $/m)
  assert.is(count(program.stdout, /^\[0\.0\] line \d+ $/gm), 20)
})

test('on a graceful end lines of teardown come out, and exit hooks and exit-time files of Node are there', async () => {
  using folder = tempFolder()
  const coverage = folder.file('coverage')
  const profiles = folder.file('profiles')
  await using program = startCli(
    [
      ...[fixture('talkative'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '2'],
      ...['--exec-argv=--cpu-prof', `--exec-argv=--cpu-prof-dir=${profiles}`],
    ],
    { env: { NODE_V8_COVERAGE: coverage } },
  )
  await program.ready()
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.outputEnd()
  assert.is(count(program.stdout, /^teardown line \d+$/gm), 2 * TEARDOWN_LINES)
  assert.is(count(program.stdout, /^exit hook$/gm), 2)
  assert.is(readdirSync(profiles).length, 2)
  const covered = readdirSync(coverage).filter((name) =>
    readFileSync(`${coverage}/${name}`, 'utf8').includes('talkative.js'),
  )
  assert.is(covered.length, 2)
})

test('a reader of status or help who has had enough is no failure', async () => {
  using folder = tempFolder()
  const admin = `unix:${folder.file('admin')}`
  await using program = startCli([
    ...[fixture('talkative'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
    ...['--admin', admin],
  ])
  await program.ready()
  for (const command of [`status --admin ${admin}`, `top --admin ${admin}`, '--help']) {
    const script = `set -o pipefail; ${process.execPath} ${cliPath} ${command} | head -n 1`
    const out = execFileSync('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    assert.is(count(out.toString(), /\n/g), 1, command)
  }
  const full = await runCli(['--help'], {
    launcher: ['bash', '-c', 'exec "$@" >/dev/full', 'bash'],
  })
  assert.is(full.code, 1)
  assert.match(full.stderr, /ENOSPC/)
})

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

function readAll(fd: number): string {
  const buffer = Buffer.alloc(65_536)
  let text = ''
  try {
    for (;;) text += buffer.toString('latin1', 0, readSync(fd, buffer))
  } catch {
    // EAGAIN: that was all.
    return text
  }
}

test.run()
