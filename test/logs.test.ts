/** The pool's own lines: structured, with the numbers of the scoreboard. */
import { once } from 'node:events'
import { createPool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

interface Line {
  readonly level: number
  readonly time: number
  readonly name: string
  readonly event: string
  readonly pid: number
  readonly process?: number
  readonly thread?: number
  readonly generation?: number
  readonly msg: string
  readonly code?: string
  readonly err?: { readonly message: string; readonly stack: string }
}

function start(...args: string[]): Program {
  const sizes = ['--listen', '127.0.0.1:0', '--processes', '1', '--threads', '2']
  return startCli([fixture('talkative'), ...sizes, '--log-format', 'json', ...args])
}

/** Every whole line so far; one that is no JSON fails the test. */
function linesOf(program: Program): readonly Line[] {
  const whole = program.stderr.slice(0, program.stderr.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

test('one JSON object for each start, decision, death, reload step and end, with ids', async () => {
  await using program = start('--log-level', 'debug', '--blocked-timeout', '1000')
  const [address = ''] = await program.ready()
  const [pid] = program.children()
  const has = (...wanted: Partial<Line>[]): boolean =>
    wanted.every((part) =>
      linesOf(program).some((line) =>
        Object.entries(part).every(([name, value]) => line[name as keyof Line] === value),
      ),
    )
  await get(`${address}/loop`).catch(() => undefined)
  await until(() => has({ event: 'death' }), LIMIT_MS, 'a death')
  await until(() => has({ event: 'decision', pid: pid ?? 0, process: 0 }), LIMIT_MS, 'its decision')
  const [death] = linesOf(program).filter(({ event }) => event === 'death')
  assert.is(death?.level, 50)
  assert.is(death?.code, 'FT_ERR_THREAD_DIED')
  assert.is(death?.pid, pid)
  assert.is(death?.process, 0)
  assert.ok(death?.thread === 0 || death?.thread === 1)
  assert.match(death?.err?.message ?? '', /event loop has not turned/)

  program.send('SIGHUP')
  await until(
    () => has({ event: 'reload', generation: 1 }, { event: 'end', process: 0 }),
    LIMIT_MS,
    'a reload',
  )
  await until(() => has({ event: 'start', generation: 1, level: 30 }), LIMIT_MS, 'a new child')
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.outputEnd()
  assert.ok(has({ event: 'start', process: 0, thread: 1, generation: 0, level: 20 }))
  assert.ok(has({ event: 'end', process: 0, thread: 1, level: 20 }))
  assert.ok(has({ event: 'notice', pid: program.pid }))
  for (const { name, time, msg, pid } of linesOf(program)) {
    assert.is(name, 'forkthread')
    assert.type(time, 'number')
    assert.type(msg, 'string')
    assert.type(pid, 'number')
  }
})

test('the level leaves lower lines out', async () => {
  await using program = start('--log-level', 'warn')
  await program.ready()
  program.send('SIGTERM')
  await program.exit()
  await program.outputEnd()
  assert.is(program.stderr, '')
})

test('without a terminal it is JSON, unless people are to read it', async () => {
  await using program = start('--log-format=pretty')
  await program.ready()
  await program.output(/^\d{4}-\d\d-\d\dT[\d:.]+Z child \d+ is ready$/m, 'stderr')
})

test('a logger that the API is given gets the lines', async () => {
  const lines: { readonly level: string; readonly event: unknown; readonly message: string }[] = []
  const log =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      lines.push({ level, event: fields.event, message })
    }
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  const pool = await createPool({
    handler: fixture('faulty'),
    listen: '127.0.0.1:0',
    processes: 1,
    threads: 1,
    logger,
  })
  await once(pool, 'listening')
  await get(`${pool.address}/throw`)
  await until(() => lines.some(({ level }) => level === 'error'), LIMIT_MS, 'the error')
  await pool.close()
  const has = (level: string, event: string, message: RegExp): void =>
    assert.ok(
      lines.some(
        (line) => line.level === level && line.event === event && message.test(line.message),
      ),
      `${level} ${event} in ${JSON.stringify(lines)}`,
    )
  has('info', 'start', /child \d+ is ready/)
  has('info', 'end', /child \d+ has left/)
  has('error', 'error', /GET \/throw/)
  has('debug', 'start', /serving on http/)
})

test.run()
