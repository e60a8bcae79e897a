/** Where options come from: files in JSON and TypeScript, `PORT`, env files, and what was given to node itself. */
import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from '../support/cli.js'
import { get } from '../support/http.js'
import { packageRoot } from '../support/paths.js'
import { tempFolder } from '../support/temp-folder.js'

const APP = `import { getHeapStatistics } from 'node:v8'
export default (_, response) => response.end(JSON.stringify({
  mark: process.env.MARK, port: process.env.PORT, heapMiB: getHeapStatistics().heap_size_limit / 2 ** 20,
}))`

interface Answer {
  readonly mark?: string
  readonly port?: string
  readonly heapMiB: number
}

const small = ['--processes', '1', '--threads', '1']

async function ask(address: string): Promise<Answer> {
  return JSON.parse((await get(address)).body) as Answer
}

test('a configuration in JSON, with units, and an env file beside it', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  writeFileSync(folder.file('.env'), 'MARK="from the file"\nPATH=/nowhere\n')
  const options = {
    $schema: 'for editors',
    handler: './app.mjs',
    envFile: '.env',
    listen: '127.0.0.1:0',
    processes: 1,
    threads: 1,
    drainTimeout: '2s',
    resourceLimits: { maxOldGenerationSizeMb: '300M', maxYoungGenerationSizeMb: 48 },
  }
  writeFileSync(folder.file('pool.json'), JSON.stringify(options))
  await using program = startCli(['--config', folder.file('pool.json')])
  const [address = ''] = await program.ready(1)
  const { mark, heapMiB } = await ask(address)
  assert.is(mark, 'from the file')
  assert.is(heapMiB, 348)
})

test('a configuration in TypeScript, for a handler in TypeScript', async () => {
  using folder = tempFolder()
  // Where Node can't, a tsx that is installed beside the file does it.
  symlinkSync(join(packageRoot, 'node_modules'), folder.file('node_modules'))
  writeFileSync(folder.file('app.mts'), APP.replace('(_, response)', '(_: unknown, response: any)'))
  writeFileSync(
    folder.file('pool.config.mts'),
    `const options: { handler: string } = { handler: './app.mts' }\nexport default options`,
  )
  const args = ['--config', folder.file('pool.config.mts'), '--listen', '127.0.0.1:0', ...small]
  await using program = startCli(args)
  const [address = ''] = await program.ready(1)
  assert.ok((await ask(address)).heapMiB > 0)
})

test('PORT is where a pool listens that is told nothing else, on every interface', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  await using program = startCli([folder.file('app.mjs'), ...small], { env: { PORT: '0' } })
  const [address = ''] = await program.ready(1)
  assert.match(address, /^http:\/\/(\[::\]|0\.0\.0\.0):\d+$/)
  const port = address.split(':').at(-1)
  assert.is((await ask(`http://127.0.0.1:${port}`)).port, port)
})

test('PORT that is no port is wrong usage', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  const { code, stderr } = await runCli([folder.file('app.mjs')], { env: { PORT: 'http' } })
  assert.is(code, 2)
  assert.match(stderr, /^forkthread: PORT.*'http' was given.*\[FT_ERR_OPTION\]\n$/)
})

test('the heap limit that node was given reaches the threads', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  const execArgv = ['--max-old-space-size=333']
  const args = [folder.file('app.mjs'), '--listen', '127.0.0.1:0', ...small]
  await using program = startCli(args, { execArgv })
  const [address = ''] = await program.ready()
  const { heapMiB } = await ask(address)
  // How large the young generation is that comes on top depends on the version.
  const print = 'console.log(v8.getHeapStatistics().heap_size_limit / 2 ** 20)'
  const own = execFileSync(process.execPath, [...execArgv, '-e', print], { encoding: 'utf8' })
  assert.is(heapMiB, Number(own))
})

test('a flag of node that reaches no handler is told, one that can get there gets there', async () => {
  using folder = tempFolder()
  writeFileSync(
    folder.file('app.mjs'),
    'export default (_, response) => response.end(String(Error.stackTraceLimit))',
  )
  const args = [folder.file('app.mjs'), '--listen', '127.0.0.1:0', ...small]
  const flag = '--stack-trace-limit=33'
  {
    await using program = startCli(args, { execArgv: [flag] })
    await program.ready()
    assert.match(program.stderr, /--stack-trace-limit=33: .*parent alone.*NODE_OPTIONS/)
  }
  await using program = startCli(args, { env: { NODE_OPTIONS: flag } })
  const [address = ''] = await program.ready()
  assert.is((await get(address)).body, '33')
  assert.not.match(program.stderr, /parent alone/)
})

for (const [name, text, expected] of [
  ['broken.json', '{ "handler": ', /^forkthread: The configuration file .*JSON.*\[FT_ERR_CONFIG\]/],
  ['list.json', '[]', /^forkthread: .*what it holds is an array.*\[FT_ERR_CONFIG\]/],
] as const) {
  test(`${name} is no configuration`, async () => {
    using folder = tempFolder()
    writeFileSync(folder.file(name), text)
    const { code, stderr } = await runCli(['--config', folder.file(name)])
    assert.is(code, 1)
    assert.match(stderr, expected)
    assert.not.match(stderr, /\n +at /)
  })
}

test('an env file that is missing is told', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  // By the flag, Node 20 takes it for its own wherever it stands, and says so itself.
  const options = { handler: './app.mjs', envFile: ['./nowhere.env'] }
  writeFileSync(folder.file('pool.json'), JSON.stringify(options))
  const { code, stderr } = await runCli(['--config', folder.file('pool.json')])
  assert.is(code, 1)
  assert.match(stderr, /^forkthread: envFile: .*nowhere\.env.*no such file.*\[FT_ERR_ENV_FILE\]\n$/)
})

test.run()
