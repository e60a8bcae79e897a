/** The command, from the outside: its arguments, what it prints where, its exit status, its signals. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseArguments } from '#dist/cli/arguments.js'
import { kebab } from '#dist/cli/flags.js'
import { optionNames } from '#dist/options/schema.js'
import { type Program, runCli, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { openRequest } from './support/open-request.js'
import { cliPath, fixture, packageRoot } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const ESCAPE = '\x1b'

// The colours are the command's own decision here, not that of whoever runs the tests.
delete process.env.NO_COLOR
// Node takes a terminal of an unknown CI for one without colours.
delete process.env.CI
delete process.env.FORCE_COLOR

const echo = fixture('echo-body')
const small = ['--processes', '1', '--threads', '1']
const listenAnywhere = ['--listen', '127.0.0.1:0']

/** Runs a command line that ends by itself, and checks what every one of them keeps. */
async function run(args: readonly string[], cwd = packageRoot) {
  const result = await runCli(args, { cwd })
  assert.not.match(result.stdout + result.stderr, ESCAPE)
  return result
}

/** Starts a small pool with the echo handler. */
async function serve(...args: string[]): Promise<Program & { readonly address: string }> {
  const program = startCli([echo, ...listenAnywhere, ...small, ...args])
  const [address = ''] = await program.ready()
  return Object.assign(program, { address })
}

// ── what ends by itself ──────────────────────────────────────────────────────────────────────────

test('--help names every option, on stdout', async () => {
  for (const flag of ['--help', '-h']) {
    const { code, stdout, stderr } = await run([flag])
    assert.is(code, 0)
    assert.is(stderr, '')
    assert.match(stdout, 'forkthread HANDLER [options]')
    for (const name of optionNames) {
      if (name !== 'handler')
        assert.match(stdout, new RegExp(`^ .*--(\\[no-\\])?${kebab(name)}\\b`, 'm'))
    }
    for (const flag of ['--config', '--version', '--help']) assert.match(stdout, flag)
  }
})

test('--version prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  const { code, stdout, stderr } = await run(['--version'])
  assert.equal({ code, stdout, stderr }, { code: 0, stdout: `${version}\n`, stderr: '' })
})

/** Wrong usage is told on stderr, in a few lines without the stack of our own code, with exit status 2. */
for (const [what, args, expected] of [
  ['no handler', [], /^forkthread: The handler is missing.*\[FT_ERR_USAGE\]\n.*--help.*\n$/],
  [
    'two handlers',
    [echo, echo],
    /^forkthread: One handler is expected, but 2.*\[FT_ERR_USAGE\]\n.*\n$/,
  ],
  [
    'an unknown flag',
    [echo, '--bogus'],
    /^forkthread: Unknown option '--bogus' \[FT_ERR_USAGE\]\n.*\n$/,
  ],
  [
    'a flag without its value',
    [echo, '--threads'],
    /^forkthread: .*--threads.* argument missing \[FT_ERR_USAGE\]\n.*\n$/,
  ],
  [
    'a value for a switch',
    [echo, '--ipv6-only=1'],
    /^forkthread: .*--ipv6-only.* does not take an argument \[FT_ERR_USAGE\]\n.*\n$/,
  ],
  [
    'a wrong number',
    [echo, '--processes', '0'],
    /^forkthread: processes: 0 was given; allowed is .*\[FT_ERR_OPTION\]\n$/,
  ],
  [
    'a wrong range',
    [echo, '--threads', '4:1'],
    /^forkthread: threads: '4:1' was given; allowed is .*\[FT_ERR_OPTION\]\n$/,
  ],
  [
    'a wrong word',
    [echo, '--accept-mutex', 'on'],
    /^forkthread: acceptMutex: 'on' was given; allowed is .*\[FT_ERR_OPTION\]\n$/,
  ],
  [
    'a variable without value',
    [echo, '--env', 'NAME'],
    /^forkthread: env: { NAME: undefined } was given; allowed is .*\[FT_ERR_OPTION\]\n$/,
  ],
  [
    'a limit that is none',
    [echo, '--resource-limits', 'stackSizeMb=big'],
    /^forkthread: resourceLimits: { stackSizeMb: 'big' } was given; allowed is .*\[FT_ERR_OPTION\]\n$/,
  ],
  [
    'a wrong address',
    [echo, '--listen', 'here'],
    /^forkthread: listen: 'here' is not an address; allowed are .*\[FT_ERR_ADDRESS\]\n$/,
  ],
] as const) {
  test(`${what} is wrong usage`, async () => {
    const { code, stdout, stderr } = await run(args)
    assert.is(code, 2)
    assert.is(stdout, '')
    assert.match(stderr, expected)
  })
}

test('a switch is turned on by its flag, and off by the same with no-', () => {
  const optionsOf = (...flags: string[]) => {
    const command = parseArguments(['app.js', ...flags])
    return command.action === 'serve' ? command.options : command
  }
  assert.equal(optionsOf(), { handler: 'app.js' })
  assert.equal(optionsOf('--defer-accept'), { handler: 'app.js', deferAccept: true })
  assert.equal(optionsOf('--no-defer-accept', '--no-ipv6-only'), {
    handler: 'app.js',
    deferAccept: false,
    ipv6Only: false,
  })
  assert.throws(() => optionsOf('--no-threads'), /Unknown option '--no-threads'/)
})

test('a missing handler file is a failed start', async () => {
  const { code, stdout, stderr } = await run(['./nowhere.js'])
  assert.is(code, 1)
  assert.is(stdout, '')
  assert.match(
    stderr,
    /^forkthread: handler: there is no file .*\/nowhere\.js;.*\[FT_ERR_HANDLER_NOT_FOUND\]\n$/,
  )
})

for (const [name, expected] of [
  ['throws-at-import', /Error: no luck at import\n +at .*\/throws-at-import\.js:1:7/],
  ['throws-in-setup', /Error: no luck in setup\n +at .*setup \(.*\/throws-in-setup\.js:2:11\)/],
  ['exports-nothing', /exports-nothing\.js exports nothing; it must have a default export/],
] as const) {
  test(`a handler that ${name.replaceAll('-', ' ')} is a failed start, and the reason is shown`, async () => {
    const program = startCli([fixture(name), ...listenAnywhere, ...small])
    await using _closed = program
    assert.equal(await program.exit(), { code: 1, signal: null })
    await program.outputEnd()
    await program.gone()
    assert.is(program.stdout, '')
    assert.match(program.stderr, expected)
  })
}

for (const [name, code] of [
  ['throws-at-import', 'FT_ERR_HANDLER_LOAD'],
  ['throws-in-setup', 'FT_ERR_HANDLER_LOAD'],
  ['exports-nothing', 'FT_ERR_HANDLER_EXPORT'],
] as const) {
  test(`a handler that ${name.replaceAll('-', ' ')} is reported once, with the code ${code}`, async () => {
    const { stderr } = await run([fixture(name), ...listenAnywhere, ...small])
    assert.match(stderr, `[${code}]`)
    assert.is(stderr.match(/^forkthread: /gm)?.length, 1)
    // A stack of our own code helps nobody.
    assert.not.match(stderr, 'at fail (')
  })
}

// ── configuration file ───────────────────────────────────────────────────────────────────────────

test('options come from a file, relative to it, and flags win over them', async () => {
  using folder = tempFolder()
  copyFileSync(echo, folder.file('app.mjs'))
  writeFileSync(
    folder.file('forkthread.config.mjs'),
    `export default { handler: './app.mjs', listen: 'unix:${folder.file('config.sock')}', processes: 3, threads: 1 }`,
  )
  const config = ['--config', folder.file('forkthread.config.mjs')]
  await using program = startCli([...config, ...listenAnywhere, '--processes', '2'])
  const [address = ''] = await program.ready(1)
  assert.match(address, /^http:\/\/127\.0\.0\.1:/)
  assert.is((await get(address)).status, 200)
  assert.is(program.children().length, 2)
})

for (const [what, text, expected] of [
  ['that throws', "throw new Error('no luck')", /no luck[\s\S]*config\.mjs:1:7/],
  ['without a default export', 'export const threads = 2', /its default export is missing/],
  ['that exports a list', 'export default []', /its default export is an array/],
] as const) {
  test(`a configuration file ${what} is a failed start`, async () => {
    using folder = tempFolder()
    writeFileSync(folder.file('config.mjs'), text)
    const { code, stdout, stderr } = await run(['--config', folder.file('config.mjs')])
    assert.is(code, 1)
    assert.is(stdout, '')
    assert.match(stderr, expected)
    assert.match(stderr, '[FT_ERR_CONFIG]')
  })
}

test('a configuration file that is missing is a failed start', async () => {
  const { code, stderr } = await run(['--config', './nowhere.mjs'])
  assert.is(code, 1)
  assert.match(
    stderr,
    /^forkthread: The configuration file .*\/nowhere\.mjs can't be used: there is no such file.*\[FT_ERR_CONFIG\]\n$/,
  )
})

test('a wrong option in a configuration file is wrong usage', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('config.mjs'), `export default { handler: '${echo}', thread: 2 }`)
  const { code, stderr } = await run(['--config', folder.file('config.mjs')])
  assert.is(code, 2)
  assert.match(stderr, /^forkthread: thread: there is no such option.*\[FT_ERR_OPTION_UNKNOWN\]\n$/)
})

// ── output ───────────────────────────────────────────────────────────────────────────────────────

test('stdout holds one ready line per listener and nothing else, without colour', async () => {
  using folder = tempFolder()
  const unix = `unix:${folder.file('app.sock')}`
  await using program = startCli([echo, ...listenAnywhere, '--listen', unix, ...small])
  const [first = ''] = await program.ready()
  assert.is((await get(first)).status, 200)
  program.send('SIGTERM')
  await program.exit()
  await program.outputEnd()
  assert.match(first, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  assert.is(program.stdout, `listening on ${first}\nlistening on ${unix}\n`)
  assert.match(program.stderr, 'SIGTERM: finishing the requests in flight')
  assert.not.match(program.stderr, ESCAPE)
})

/** Runs the command on a terminal of its own, by script(1) of util-linux. */
function onTerminal(
  command: string,
  env: Readonly<Record<string, string>> = {},
): string | undefined {
  const { error, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    cwd: packageRoot,
    encoding: 'utf8',
    env: { ...process.env, TERM: 'xterm-256color', ...env },
    timeout: LIMIT_MS,
  })
  return error === undefined ? stdout : undefined
}
const hasScript = process.platform === 'linux' && onTerminal('true') !== undefined
const testOnTerminal = hasScript ? test : test.skip
const command = `'${process.execPath}' '${cliPath}'`

testOnTerminal('a terminal gets colours, unless NO_COLOR is set', () => {
  for (const args of ['--help', '--bogus']) {
    assert.match(onTerminal(`${command} ${args}`) ?? '', ESCAPE)
    assert.not.match(onTerminal(`${command} ${args}`, { NO_COLOR: '1' }) ?? '', ESCAPE)
  }
})

testOnTerminal('errors that go to a file have no colour, though stdout is a terminal', () => {
  using folder = tempFolder()
  onTerminal(`${command} --bogus 2>'${folder.file('errors')}'`)
  const errors = readFileSync(folder.file('errors'), 'utf8')
  assert.match(errors, /^forkthread: Unknown option/)
  assert.not.match(errors, ESCAPE)
})

// ── signals ──────────────────────────────────────────────────────────────────────────────────────

/** What comes so soon after the first signal is the same wish (src/cli/serve.ts). */
const SAME_WISH_MS = 300

const finishing = (signal: string) => new RegExp(`${signal}: finishing the requests in flight`)

for (const [what, signal, toGroup] of [
  ['TERM', 'SIGTERM', false],
  ['INT', 'SIGINT', false],
  ['Ctrl-C, which reaches the whole process group,', 'SIGINT', true],
] as const) {
  test(`${what} lets a request in flight finish, and exits with 0`, async () => {
    await using program = await serve()
    const slow = await openRequest(program.address)
    if (toGroup) program.sendToGroup(signal)
    else program.send(signal)
    await program.output(finishing(signal), 'stderr')
    assert.equal(await slow.finish(), { status: 200, body: 'begun, finished' })
    assert.equal(await program.exit(), { code: 0, signal: null })
    await program.gone()
  })

  test(`after ${what} a second one ends at once`, async () => {
    await using program = await serve()
    const slow = await openRequest(program.address)
    const again = (): void => void (toGroup ? program.sendToGroup(signal) : program.send(signal))
    again()
    await program.output(finishing(signal), 'stderr')
    // Passed on by npm, or sent to the group as well, it still is one wish.
    again()
    await sleep(SAME_WISH_MS + 100)
    assert.not.match(program.stderr, 'ending at once')
    again()
    await slow.cut
    // As a shell reports it: 128 and the number of the signal. It is no graceful stop.
    const code = signal === 'SIGINT' ? 130 : 143
    assert.equal(await program.exit(), { code, signal: null })
    await program.gone()
    assert.match(program.stderr, `${signal}: ending at once`)
  })
}

for (const toGroup of [false, true]) {
  test(`QUIT ends at once${toGroup ? ', sent to the whole process group' : ''}`, async () => {
    await using program = await serve()
    const slow = await openRequest(program.address)
    if (toGroup) program.sendToGroup('SIGQUIT')
    else program.send('SIGQUIT')
    await slow.cut
    assert.equal(await program.exit(), { code: 131, signal: null })
    await program.gone()
  })
}

test('TERM during the start stops it, and leaves no process', async () => {
  const patience = ['--drain-timeout', '500']
  await using program = startCli([fixture('never-ready'), ...listenAnywhere, ...small, ...patience])
  const [child = 0] = await until(
    () => (program.children().length > 0 ? program.children() : undefined),
    LIMIT_MS,
    'a child that starts',
  )
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.gone()
  assert.not(isRunning(child))
  assert.is(program.stdout, '')
  assert.match(program.stderr, 'SIGTERM: stopped while starting')
})

test('an idle pool stops on TERM with 0, and leaves no process', async () => {
  await using program = await serve('--processes', '2')
  const children = program.children()
  assert.is(children.length, 2)
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.gone()
  assert.equal(children.filter(isRunning), [])
})

test.run()
