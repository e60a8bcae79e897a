/** What `npm pack` makes of a clean checkout, and that it works where nothing else is. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startScript } from './support/cli.js'
import { get } from './support/http.js'
import { example, packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'

const LIMIT_MS = 100_000

const folder = tempFolder()
const app = folder.file('app')
test.after(() => folder[Symbol.dispose]())

function run(cwd: string, command: string, args: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: LIMIT_MS,
  })
  if (error !== undefined) throw error
  assert.is(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}

/**
 * Packs a copy: packing builds, and other tests run what is built here at the same time. The copy also has no
 * output of sources that are gone by now.
 */
function pack(): string {
  const checkout = folder.file('checkout')
  mkdirSync(checkout)
  for (const name of readdirSync(packageRoot)) {
    if (['.git', 'build', 'node_modules', 'dist'].includes(name)) continue
    cpSync(join(packageRoot, name), join(checkout, name), { recursive: true })
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(checkout, 'node_modules'))
  run(checkout, 'npm', ['pack', '--pack-destination', folder.path])
  const [tarball, ...others] = readdirSync(folder.path).filter((name) => name.endsWith('.tgz'))
  assert.equal(others, [])
  return folder.file(tarball ?? '')
}

function readPackage(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
}

/** The script behind `npx`, so that it runs like any other program of the tests. */
function npxScript(): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.map((path) => join(path, 'npx')).find((path) => existsSync(path))
  if (found === undefined) throw new Error('there is no npx on the PATH')
  return realpathSync(found)
}

let tarball = ''

test('the tarball holds the bundles with the types of the sources, and nothing else', () => {
  tarball = pack()
  const packed = run(folder.path, 'tar', ['-tzf', tarball]).trim().split('\n')
  const types = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `dist/${path.slice(0, -'.ts'.length)}.d.ts`)
  const expected = ['LICENSE', 'README.md', 'package.json', ...bundles(), ...types]
  const chunks = packed.filter((path) => path.startsWith('package/dist/chunks/'))
  assert.ok(chunks.length > 0)
  assert.equal(
    packed.filter((path) => !chunks.includes(path)).sort(),
    expected.map((path) => `package/${path}`).sort(),
  )
})

/** What the build makes of the files where a process or thread begins, and of what can be imported. */
function bundles(): string[] {
  const { scripts } = readPackage() as { scripts: Record<string, string> }
  const made = (script: string, extension: string): string[] =>
    [...(scripts[script] ?? '').matchAll(/ (?:([\w/-]+)=)?src\/([\w/-]+)\.ts(?= |$)/g)].map(
      ([, name, source = '']) => `dist/${name ?? source}.${extension}`,
    )
  return [
    ...made('bundle:modules', 'js'),
    ...made('bundle:scripts', 'cjs'),
    ...made('bundle:child', 'cjs'),
    ...made('bundle:lease', 'cjs'),
    ...made('bundle:thread', 'js'),
    // The threads' bundle is CommonJS, but has piscina's name for it.
    'dist/thread/package.json',
  ]
}

test('it installs in an empty folder', () => {
  mkdirSync(app)
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
  // The prefix, since npm would go for a package.json in a folder above.
  run(app, 'npm', ['install', '--prefix', app, ...quiet, tarball])
  assert.ok(existsSync(join(app, 'node_modules', 'forkthread', 'package.json')))
})

test('npx forkthread serves there', async () => {
  cpSync(example('hello'), join(app, 'app.js'))
  writeFileSync(join(app, 'package.json'), JSON.stringify({ ...appPackage(), type: 'module' }))
  const args = ['forkthread', './app.js', '--listen', '127.0.0.1:0', '--processes', '1']
  await using program = startScript(npxScript(), args, { cwd: app })
  const [address = ''] = await program.ready()
  assert.match((await get(address)).body, /^Hello from pid \d+/)
  // Ctrl-C, as everyone ends what npx runs.
  program.sendToGroup('SIGINT')
  await program.gone()
})

function appPackage(): object {
  return JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))
}

test('a program there makes a pool of its own', async () => {
  writeFileSync(
    join(app, 'main.js'),
    `import { createPool } from 'forkthread'
const handler = new URL('./app.js', import.meta.url)
const pool = await createPool({ handler, listen: '127.0.0.1:0', processes: 1 })
const reply = await fetch(pool.address)
console.log(reply.status, await reply.text())
await pool.close()
`,
  )
  await using program = startScript(join(app, 'main.js'), [], { cwd: app })
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.outputEnd()
  await program.gone()
  assert.match(program.stdout, /^200 Hello from pid \d+/)
})

test('its types resolve and fit', () => {
  writeFileSync(
    join(app, 'typed.ts'),
    `import { createPool, type ErrorCode, ForkthreadError, type PoolOptions, type RequestHandler, type Stats } from 'forkthread'
const options: PoolOptions = { handler: './app.js', listen: [8080, 'unix:/run/app.sock'], processes: { min: 1, max: 4 }, threads: '2:8' }
export const handler: RequestHandler = (request, response) => response.end(request.url)
export async function serve(): Promise<Stats> {
  await using pool = await createPool({ ...options, signal: AbortSignal.timeout(1000) })
  pool.on('exit', ({ pid, expected }) => console.log(pid.toFixed(), expected))
  return pool.stats()
}
export const codeOf = (error: unknown): ErrorCode | undefined => error instanceof ForkthreadError ? error.code : undefined
// @ts-expect-error there is no such option
export const wrong: PoolOptions = { handler: './app.js', thread: 2 }
`,
  )
  const config = {
    compilerOptions: {
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: 'NodeNext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(packageRoot, 'node_modules', '@types')],
    },
    files: ['typed.ts'],
  }
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(config))
  run(app, join(packageRoot, 'node_modules', '.bin', 'tsc'), ['-p', app])
})

test.run()
