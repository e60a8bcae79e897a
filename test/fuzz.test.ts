/**
 * Whatever a user gets wrong, in options, arguments, configuration files, the environment or the handler's module: it ends in an error with a
 * code, whose first line says so, and which shows no frame of the pool's own code. FORKTHREAD_SEED repeats a run.
 */
import { writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseArguments } from '#dist/cli/arguments.js'
import { createPool, type ForkthreadError, type PoolOptions } from '#dist/index.js'
import { parseOptions } from '#dist/options/parse-options.js'
import { optionNames } from '#dist/options/schema.js'
import { runCli, startCli } from './support/cli.js'
import { fixture } from './support/paths.js'
import { Random } from './support/random.js'
import { tempFolder } from './support/temp-folder.js'

const SEED = Number(process.env.FORKTHREAD_SEED ?? Date.now() % 1_000_000)
const random = new Random(SEED)

const handler = fixture('who')
const OWN_FRAME = /^\s+at .*(?:\/dist\/|piscina|node:internal)/m

/** What nobody should give, and what some do. */
const values: readonly unknown[] = [
  ...[null, undefined, true, false, 0, -1, 1.5, 1e9, 1e21, Number.NaN, Number.POSITIVE_INFINITY],
  ...['', ' ', '0', '-1', 'x', '1:2', '2:1', ':', '1:', '\0', '\n', 'é', '💥', 'a'.repeat(1000)],
  ...[
    '127.0.0.1',
    'localhost:',
    '[::1',
    'unix:',
    'fd:x',
    'systemd:',
    'https://',
    '10s',
    '1G',
    '9999999999G',
  ],
  ...[[], [[]], [null], ['8080', '8080'], {}, { min: 3, max: 1 }, { min: 'a' }, { length: 3 }],
  ...[() => 1, Symbol('s'), 10n, new Date(), /x/, new Map(), Buffer.from('x'), new Proxy({}, {})],
  Object.create(null),
  Object.freeze({ min: 1, max: 2, more: 3 }),
]

/** @throws unless it is an error as a user should see it */
function check(error: unknown, what: string): void {
  const name = `seed ${SEED}: ${what}`
  // The bundles have a class of their own.
  if (!isForkthreadError(error)) {
    const stack = error instanceof Error ? error.stack : String(error)
    assert.unreachable(`${name}: no ForkthreadError, but ${stack}`)
    return
  }
  const { code, message } = error
  assert.match(code, /^FT_ERR_[A-Z0-9_]+$/, name)
  assert.not.match(message, OWN_FRAME, name)
  assert.not.match(message, /\[object Object\]/, name)
  assert.ok(message.length < 8000, `${name}: ${message.length} characters`)
}

function isForkthreadError(error: unknown): error is ForkthreadError {
  return error instanceof Error && error.name === 'ForkthreadError' && 'code' in error
}

function attempt(what: string, act: () => unknown): void {
  try {
    act()
  } catch (error) {
    check(error, what)
  }
}

const show = (value: unknown): string => {
  try {
    return JSON.stringify(value)?.slice(0, 100) ?? String(value)
  } catch {
    return typeof value
  }
}

test(`options (seed ${SEED})`, () => {
  for (const name of optionNames)
    for (const value of values) {
      const given = name === 'handler' ? { handler: value } : { handler, [name]: value }
      attempt(`${name}: ${show(value)}`, () => parseOptions(given))
    }
  for (let round = 0; round < 2000; round++) {
    const given: Record<string, unknown> = { handler }
    for (let more = random.from(1, 5); more > 0; more--)
      given[random.pick([...optionNames, 'treads', '__proto__', 'constructor'])] =
        random.pick(values)
    attempt(Object.keys(given).join(), () => parseOptions(given))
  }
  for (const value of values) attempt(`all: ${show(value)}`, () => parseOptions(value))
})

test('createPool with what is no option', async () => {
  for (const given of [
    undefined,
    null,
    7,
    'app.js',
    [],
    () => 1,
    { handler, signal: 1 },
    { handler, logger: 1 },
  ])
    await createPool(given as unknown as PoolOptions).then(
      (pool) => pool.close(),
      (error) => check(error, show(given)),
    )
})

test(`arguments (seed ${SEED})`, () => {
  const words = [
    ...[
      './app.js',
      handler,
      'status',
      'top',
      'reload',
      'restart',
      'profile',
      'heap',
      'slow',
      'stop',
    ],
    ...['--', '-', '-h', '--help', '--version', '-x', '--no-', '--=', '--admin', '--thread', '0.1'],
    ...[
      '--json',
      '--config',
      '--listen',
      '--listen=',
      '--proxy-protocol',
      '--inspect',
      '--inspect=x',
    ],
    ...optionNames.map(
      (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    ),
    ...optionNames.map((name) => `--no-${name}`),
    ...values.filter((value) => typeof value === 'string'),
  ]
  for (let round = 0; round < 5000; round++) {
    const args = Array.from({ length: random.from(0, 6) }, () => random.pick(words))
    attempt(`forkthread ${args.join(' ').slice(0, 200)}`, () => {
      const command = parseArguments(args)
      if (command.action === 'serve') parseOptions({ handler, ...command.options })
    })
  }
})

const modules: Readonly<Record<string, string>> = {
  'syntax.mjs': 'export default (',
  'missing.mjs': "import './nowhere.mjs'\nexport default () => 1",
  'package.mjs': "import 'no-such-package-here'\nexport default () => 1",
  'no-default.mjs': 'export const a = 1',
  'number.mjs': 'export default 7',
  'string.mjs': "export default 'x'",
  'null.mjs': 'export default null',
  'array.mjs': 'export default [() => 1]',
  'class.mjs': 'export default class App { constructor() { throw new Error(1) } }',
  'promise.mjs': 'export default Promise.reject(new Error("rejected"))',
  'getter.mjs': 'export default { get fetch() { throw new Error("a getter throws") } }',
  'proxy.mjs':
    'export default new Proxy({}, { get() { throw new Error("a proxy throws") }, has() { throw new Error("has") } })',
  'fetch.mjs': 'export default { fetch: 7 }',
  'null-proto.mjs': 'export default Object.create(null)',
  'throws.mjs': 'throw new Error("at import")',
  'throws-null.mjs': 'throw null',
  'throws-undefined.mjs': 'throw undefined',
  'throws-object.mjs': 'throw { toString() { throw new Error("twice") } }',
  'throws-symbol.mjs': 'throw Symbol("s")',
  'throws-function.mjs': 'throw () => 1',
  'late.mjs':
    'setImmediate(() => { throw new Error("late") }); await new Promise((r) => setTimeout(r, 300)); export default () => 1',
  'rejects.mjs':
    'Promise.reject(new Error("nobody")); await new Promise((r) => setTimeout(r, 300)); export default () => 1',
  'exit.mjs': 'process.exit(0)',
  'setup.mjs': 'export default () => 1\nexport const setup = 7',
  'setup-throws.mjs': 'export default () => 1\nexport function setup() { throw undefined }',
  'upgrade.mjs': 'export default () => 1\nexport const upgrade = "x"',
  'teardown.mjs': 'export default () => 1\nexport const teardown = 1',
  'common.cjs': 'module.exports = undefined',
  'common-throws.cjs': 'module.exports = {}; throw 1',
  'data.json': '{"a": 1}',
  'broken.json': '{',
  'binary.mjs': '\u0000\u0001\u0002',
  'empty.mjs': '',
  'app.txt': 'hello',
  'app.wasm': 'hello',
  'typed.mts': 'export default (a: number): => 1',
}

test('handler modules', async () => {
  using folder = tempFolder()
  const names = Object.keys(modules)
  const one = async (name: string): Promise<void> => {
    writeFileSync(folder.file(name), modules[name] ?? '')
    await createPool({
      ...{ handler: folder.file(name), listen: '127.0.0.1:0', processes: 1, threads: 1 },
      startTimeout: 4000,
    }).then(
      (pool) => pool.close(),
      (error) => {
        check(error, name)
        assert.ok(String(error.message).includes(name), `${name}: ${error.message}`)
      },
    )
  }
  const lane = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) await one(name)
  }
  await Promise.all([lane(), lane(), lane()])
})

const configs: Readonly<Record<string, string>> = {
  'broken.json': '{',
  'null.json': 'null',
  'list.json': '[1]',
  'comment.json': '// hello\n{}',
  'unknown.json': '{"handler": "./app.mjs", "treads": 2}',
  'wrong.json': '{"handler": "./app.mjs", "threads": "many"}',
  'proto.json': '{"__proto__": {"handler": 1}}',
  'throws.mjs': 'throw new Error("config")',
  'syntax.mjs': 'export default {',
  'nothing.mjs': '',
  'function.mjs': 'export default () => ({})',
  'rejects.mjs': 'export default Promise.reject(new Error("no"))',
  'common.cjs': 'module.exports = 7',
  'text.yaml': 'handler: ./app.js',
  'typed.ts': 'export default { handler: 1 as ',
}

/** What the command says of a mistake: the code in the first line, and nothing of its own frames. */
function checkTold(what: string, { code, stderr }: { code: number | null; stderr: string }): void {
  assert.ok(code === 1 || code === 2, `${what}: exit status ${code}\n${stderr}`)
  const lines = stderr.split('\n').filter((line) => !/^\S+Z /.test(line) && line !== '')
  assert.match(lines[0] ?? '', /\[?FT_ERR_[A-Z_]+/, `${what}: ${stderr}`)
  assert.not.match(stderr, OWN_FRAME, what)
}

test('configuration files', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), modules['teardown.mjs'] ?? '')
  const names = [...Object.keys(configs), 'missing.mjs', '.']
  const lane = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const text = configs[name]
      if (text !== undefined) writeFileSync(folder.file(name), text)
      const path = name === '.' ? folder.path : folder.file(name)
      checkTold(name, await runCli(['--config', path, '--listen', '127.0.0.1:0']))
    }
  }
  await Promise.all([lane(), lane(), lane()])
})

/** Those that are refused, and those that must not matter. */
const environments: readonly (readonly [NodeJS.ProcessEnv, 'refused' | 'serves'])[] = [
  [{ PORT: 'x' }, 'refused'],
  [{ PORT: '99999' }, 'refused'],
  [{ PORT: '-1' }, 'refused'],
  [{ FORKTHREAD_UPGRADE: 'x' }, 'refused'],
  [{ FORKTHREAD_UPGRADE: '{}' }, 'refused'],
  [{ NOTIFY_SOCKET: '/nowhere/at/all', WATCHDOG_USEC: 'x', LISTEN_FDS: 'x' }, 'serves'],
  [{ PWD: '/nowhere' }, 'serves'],
  [{ PWD: '' }, 'serves'],
  [{ TMPDIR: '/nowhere', HOME: '/nowhere', XDG_RUNTIME_DIR: '/nowhere' }, 'serves'],
  [{ TERM: 'nonsense', COLUMNS: '-3', FORCE_COLOR: 'x' }, 'serves'],
  [{ UV_THREADPOOL_SIZE: 'x', NODE_ENV: '' }, 'serves'],
]

test('the environment', async () => {
  const rest = [...environments]
  const lane = async (): Promise<void> => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      const [env, expected] = next
      const what = JSON.stringify(env)
      const listen = 'PORT' in env ? [] : ['--listen', '127.0.0.1:0']
      const size = ['--processes', '1', '--threads', '1']
      const options = { env: env as Record<string, string> }
      if (expected === 'refused') {
        checkTold(what, await runCli([handler, ...listen, ...size], options))
        continue
      }
      await using program = startCli([handler, ...listen, ...size], options)
      await program.ready()
    }
  }
  await Promise.all([lane(), lane(), lane()])
})

test.run()
