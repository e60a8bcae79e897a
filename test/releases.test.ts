/** A pool that is started in a folder which is a link to the current release goes where the link goes, and is never without a process. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stats } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

function deploy(folder: ReturnType<typeof tempFolder>, version: string): void {
  const release = folder.file(`release-${version}`)
  mkdirSync(release)
  writeFileSync(
    join(release, 'app.mjs'),
    `export default (_req, res) => res.end(${JSON.stringify(version)})\n`,
  )
}

/** As deployment tools do it: a new link is made and takes the place of the old one. */
function makeCurrent(folder: ReturnType<typeof tempFolder>, version: string): void {
  const next = folder.file('next')
  symlinkSync(folder.file(`release-${version}`), next)
  renameSync(next, folder.file('current'))
}

/** Started as a shell does it that has gone into the folder by its name. */
async function start(folder: ReturnType<typeof tempFolder>, more: readonly string[] = []) {
  const current = folder.file('current')
  const program = startCli(
    [
      ...['./app.mjs', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
      ...['--processes', '2', '--threads', '1', '--canary-time', '0', ...more],
    ],
    { cwd: current, env: { PWD: current } },
  )
  const [url = ''] = await program.ready()
  const [, admin = ''] = await program.output(/admin on (\S+)/, 'stderr')
  return { program, url, admin }
}

async function version(url: string): Promise<string> {
  return (await get(url)).body
}

async function stats(admin: string): Promise<Stats> {
  return JSON.parse((await get(`${admin}/status.json`)).body) as Stats
}

async function isWholeWithout(admin: string, gone: readonly number[]): Promise<boolean> {
  const { processes } = await stats(admin)
  const ready = processes.filter(({ state }) => state === 'ready')
  return ready.length === 2 && ready.every(({ pid }) => !gone.includes(pid))
}

async function reloaded(admin: string): Promise<void> {
  const isNew = async () => (await stats(admin)).processes.every(({ generation }) => generation > 0)
  await until(isNew, LIMIT_MS, 'the reload')
}

async function killAll(program: Program, admin: string): Promise<void> {
  const old = program.children()
  for (const pid of old) send(pid, 'SIGKILL')
  await until(() => isWholeWithout(admin, old), LIMIT_MS, 'all are replaced')
}

test('a reload follows the link, also when the old release is gone; who dies is replaced from the new one', async () => {
  using folder = tempFolder()
  deploy(folder, 'one')
  deploy(folder, 'two')
  makeCurrent(folder, 'one')
  const { program, url, admin } = await start(folder)
  await using _program = program
  assert.is(await version(url), 'one')
  makeCurrent(folder, 'two')
  rmSync(folder.file('release-one'), { recursive: true })
  program.send('SIGHUP')
  await reloaded(admin)
  assert.is(await version(url), 'two')
  await killAll(program, admin)
  assert.is(await version(url), 'two')
})

test('a process that nobody has ordered loads what is on disk, which is told once', async () => {
  using folder = tempFolder()
  deploy(folder, 'one')
  deploy(folder, 'two')
  makeCurrent(folder, 'one')
  const { program, url, admin } = await start(folder)
  await using _program = program
  const ready = async (): Promise<string> => (await get(`${admin}/ready`)).body
  assert.is((await stats(admin)).mixedCode, undefined)
  assert.is(await ready(), 'ready\n')
  makeCurrent(folder, 'two')
  await killAll(program, admin)
  await killAll(program, admin)
  assert.is(await version(url), 'two')
  assert.match((await stats(admin)).mixedCode ?? '', 'reload to have all of one')
  assert.match(await ready(), /^ready\nthe code on disk is not that of generation 0/)
  const told = program.stderr.match(/the code on disk is not that of generation 0/g) ?? []
  assert.is(told.length, 1, program.stderr)
  program.send('SIGHUP')
  await reloaded(admin)
  assert.is((await stats(admin)).mixedCode, undefined)
})

test('a working folder that is removed does not keep processes from starting', async () => {
  using folder = tempFolder()
  deploy(folder, 'one')
  makeCurrent(folder, 'one')
  const work = folder.file('work')
  mkdirSync(work)
  const app = join(folder.file('current'), 'app.mjs')
  await using program = startCli(
    [
      app,
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--processes',
      '2',
      '--threads',
      '1',
    ],
    { cwd: work, env: { PWD: work } },
  )
  const [url = ''] = await program.ready()
  const [, admin = ''] = await program.output(/admin on (\S+)/, 'stderr')
  rmSync(work, { recursive: true })
  await killAll(program, admin)
  assert.is(await version(url), 'one')
})

test.run()
