/** What users are told of their mistakes: the code in the first line, what was given, what to do, and no frames of ours. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { helpText } from '#dist/cli/help.js'
import { createPool } from '#dist/index.js'
import { runCli } from '../support/cli.js'
import { tempFolder } from '../support/temp-folder.js'

const small = ['--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1']
const APP = 'export default (_, response) => response.end()\n'

for (const [what, text, args, expected] of [
  [
    'a flag that Node does not know',
    APP,
    ['--exec-argv=--bogus'],
    /execArgv: .*'--bogus'.*\[FT_ERR_EXEC_ARGV\]/,
  ],
  [
    'a flag that no thread may have',
    APP,
    ['--exec-argv=--title=x'],
    /--title=x.*\[FT_ERR_EXEC_ARGV\]/,
  ],
  ['a wrong NODE_OPTIONS', APP, ['--env', 'NODE_OPTIONS=--bogus'], /--bogus.*\[FT_ERR_EXEC_ARGV\]/],
  [
    'process.exit while loading',
    'process.exit(3)',
    [],
    /app\.mjs .*process\.exit\(3\).*\[FT_ERR_HANDLER_LOAD\]/,
  ],
  [
    'a preload that is missing',
    APP,
    ['--exec-argv=--import=./nowhere.mjs'],
    /app\.mjs .*\[FT_ERR_HANDLER_LOAD\]/,
  ],
  [
    'an endless loop while loading',
    'for (;;);',
    ['--start-timeout', '4s'],
    /app\.mjs was still loading; one is at file:.*app\.mjs:1:\d+ \(1 of 1 thread .*\[FT_ERR_START_TIMEOUT\]/,
  ],
  [
    'a promise that never settles while loading',
    'setInterval(() => {}, 1e6); await new Promise(() => {})',
    ['--start-timeout', '3s'],
    /app\.mjs was still loading; .*waits: for a promise.*\[FT_ERR_START_TIMEOUT\]/,
  ],
] as const) {
  test(what, async () => {
    using folder = tempFolder()
    writeFileSync(folder.file('app.mjs'), text)
    const { code, stderr } = await runCli([folder.file('app.mjs'), ...small, ...args])
    assert.is(code, 1)
    const told = stderr.split('\n').filter((line) => !/^\S+Z /.test(line))
    assert.match(told[0] ?? '', expected)
    assert.not.match(stderr, /piscina|dist\/(child|worker|chunks)/)
  })
}

for (const [args, expected] of [
  [
    ['restart'],
    /'restart' is neither a command .*did you mean forkthread reload\?.*\[FT_ERR_USAGE\]\n/,
  ],
  [
    ['./app.js', '--procesess', '2'],
    /'--procesess'; did you mean --processes\? \[FT_ERR_USAGE\]\n/,
  ],
  [
    ['./app.js', '--thread', '2'],
    /--thread is for a pool that runs, .*did you mean --threads\? \[FT_ERR_USAGE\]\n/,
  ],
  [['./app.js', '--procs', '2'], /'--procs'; did you mean --processes\? \[FT_ERR_USAGE\]\n/],
  [
    ['./app.js', '--acceptMutex=none'],
    /'--acceptMutex'; did you mean --accept-mutex\? \[FT_ERR_USAGE\]\n/,
  ],
  [
    ['status', '--admin', 'x:y'],
    /^forkthread: admin: 'x:y' is not an address.*\[FT_ERR_ADDRESS\]\n$/,
  ],
] as const) {
  test(`forkthread ${args.join(' ')}`, async () => {
    const { code, stderr } = await runCli(args)
    assert.is(code, 2)
    assert.match(stderr, expected)
  })
}

test('a server that is none of ours at the admin address', async () => {
  const server = createServer((_, response) => response.end('<html>shop</html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    for (const command of ['status', 'reload']) {
      const { code, stderr } = await runCli([command, '--admin', admin])
      assert.is(code, 1)
      assert.match(
        stderr,
        /^forkthread: .*no admin address of forkthread.*shop.*\[FT_ERR_ADMIN\]\n$/,
      )
    }
    using folder = tempFolder()
    writeFileSync(folder.file('app.mjs'), APP)
    const { stderr } = await runCli([folder.file('app.mjs'), ...small, '--admin', admin])
    assert.match(stderr, /^forkthread: admin: 127.* is in use .*\[FT_ERR_ADDRESS_IN_USE\]\n$/)
  } finally {
    server.close()
  }
})

for (const [what, options] of [
  ['nothing', undefined],
  ['null', null],
  ['a text', './app.js'],
  ['a list', []],
  ['an empty object', {}],
  ['a signal that is none', { handler: './x.js', signal: 5 }],
  ['a logger that is none', { handler: './x.js', logger: {} }],
  ['reloadOptions that are no function', { handler: './x.js', reloadOptions: {} }],
] as const) {
  test(`createPool with ${what}`, async () => {
    let error: unknown
    await createPool(options as never).catch((thrown: unknown) => {
      error = thrown
    })
    assert.is((error as { code?: unknown }).code, 'FT_ERR_OPTION')
  })
}

test('help is as wide as the terminal', () => {
  for (const columns of [72, 80, 120])
    for (const line of helpText(columns).split('\n')) {
      // Without the colours, where there are any.
      const { length } = stripVTControlCharacters(line)
      assert.ok(length <= columns, `${length} columns: ${line}`)
    }
})

test.run()
