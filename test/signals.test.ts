/**
 * Each documented signal in each state of the pool, as docs/signals.md has it: none falls to its default. (Stops of a pool
 * that serves or closes are in cli.test.ts and stop-order.test.ts, what comes during an upgrade is in signals-in-upgrade.test.ts.)
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { freePort } from './support/free-port.js'
import { get } from './support/http.js'
import { openRequest } from './support/open-request.js'
import { cliPath, fixture } from './support/paths.js'
import { children, isRunning, isStopped, send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const where = ['--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1']

/** Sends it, and waits for so many lines (in all) that say what came of it. */
async function sent(
  program: Program,
  signal: NodeJS.Signals,
  line: RegExp,
  times = 1,
): Promise<void> {
  program.send(signal)
  const all = new RegExp(line.source, 'g')
  const count = (): number => [...program.stderr.matchAll(all)].length
  await until(() => count() >= times, LIMIT_MS, `${line} × ${times} after ${signal}`)
  assert.not(isStopped(program.pid))
}

test('while the pool starts: HUP, USR1, TTIN and TTOU are kept until it is ready, USR2 is let go', async () => {
  using folder = tempFolder()
  const gate = folder.file('gate')
  const handler = folder.file('app.mjs')
  writeFileSync(
    handler,
    `import { existsSync } from 'node:fs'
     import { setTimeout as sleep } from 'node:timers/promises'
     export async function setup() { while (!existsSync(${JSON.stringify(gate)})) await sleep(20) }
     export default (req, res) => res.end('hello')`,
  )
  await using program = startCli([handler, ...where, '--canary-time', '100'])
  await until(() => program.children().length > 0, LIMIT_MS, 'a child that starts')
  await sent(program, 'SIGHUP', /SIGHUP: still starting, will be/)
  await sent(program, 'SIGHUP', /SIGHUP: still starting, will be/, 2)
  await sent(program, 'SIGUSR1', /SIGUSR1: still starting, will be/)
  await sent(program, 'SIGUSR2', /SIGUSR2: still starting, so/)
  await sent(program, 'SIGTTIN', /SIGTTIN: still starting, will be/)
  await sent(program, 'SIGTTIN', /SIGTTIN: still starting, will be/, 2)
  await sent(program, 'SIGTTOU', /SIGTTOU: still starting, will be/)
  assert.is(program.stdout, '')
  writeFileSync(gate, '')
  await program.ready()
  await program.output(/SIGUSR1: opening the access log anew/, 'stderr')
  await program.output(/processes are now 3:3[\s\S]*processes are now 2:2/, 'stderr')
  await program.output(/reload 1: .*\(\d+ replaced, 0 to go\)/, 'stderr')
  assert.not.match(program.stderr, /reload 2|starting a new parent/)
})

for (const state of ['starts', 'reloads'] as const) {
  test(`while the pool ${state}: TERM and INT end it gracefully, QUIT at once`, async () => {
    const handler = state === 'starts' ? fixture('never-ready') : fixture('http')
    const one = async (signal: NodeJS.Signals, code: number): Promise<void> => {
      await using program = startCli([handler, ...where, '--canary-time', '600000'])
      if (state === 'starts') {
        await until(() => program.children().length > 0, LIMIT_MS, 'a child that starts')
      } else {
        await program.ready()
        await sent(program, 'SIGHUP', /reload 1: /)
      }
      program.send(signal)
      assert.equal(await program.exit(), { code, signal: null }, signal)
      await program.gone()
      assert.not.match(program.stderr, /FT_ERR/, signal)
    }
    await Promise.all([one('SIGTERM', 0), one('SIGINT', 0), one('SIGQUIT', 131)])
  })
}

test('while the pool serves, and while it reloads', async () => {
  await using program = startCli([fixture('http'), ...where, '--canary-time', '1000'])
  await program.ready()
  await sent(program, 'SIGTTIN', /processes are now 2:2/)
  await sent(program, 'SIGTTOU', /processes are now 1:1/)
  await sent(program, 'SIGUSR1', /opening the access log anew/)
  await sent(program, 'SIGHUP', /reload 1: /)
  // It is on trial now.
  await sent(program, 'SIGTTIN', /processes are now 2:2/, 2)
  await sent(program, 'SIGUSR1', /opening the access log anew/, 2)
  await sent(program, 'SIGHUP', /reload 2: .*\(\d+ replaced, 0 to go\)/)
  assert.not.match(program.stderr, /FT_ERR/)
})

test('signals to the whole group are for the parent alone', async () => {
  await using program = startCli([fixture('http'), ...where])
  const [url = ''] = await program.ready()
  const before = children(program.pid)
  program.sendToGroup('SIGTTIN')
  await program.output(/processes are now 2:2/, 'stderr')
  program.sendToGroup('SIGUSR1')
  await program.output(/opening the access log anew/, 'stderr')
  assert.is((await get(url)).status, 200)
  for (const pid of before) {
    assert.ok(isRunning(pid))
    assert.not(isStopped(pid))
  }
})

test('while the pool drains, orders are ignored with a line, and QUIT ends it', async () => {
  await using program = startCli([fixture('http'), ...where, '--pre-stop-delay', '60000'])
  const [url = ''] = await program.ready()
  await sent(program, 'SIGTERM', /SIGTERM: finishing/)
  for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const)
    await sent(program, signal, new RegExp(`${signal}: ignored, the pool is leaving`))
  await sent(program, 'SIGUSR1', /opening the access log anew/)
  assert.is((await get(url)).status, 200)
  assert.not.match(program.stderr, /FT_ERR/)
  program.send('SIGQUIT')
  assert.equal(await program.exit(), { code: 131, signal: null })
  await program.gone()
})

test('while the pool closes, orders are ignored with a line', async () => {
  await using program = startCli([fixture('echo-body'), ...where])
  const [url = ''] = await program.ready()
  const slow = await openRequest(url)
  await sent(program, 'SIGTERM', /SIGTERM: finishing/)
  for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const)
    await sent(program, signal, new RegExp(`${signal}: ignored, the pool is leaving`))
  assert.equal(await slow.finish(), { status: 200, body: 'begun, finished' })
  assert.equal(await program.exit(), { code: 0, signal: null })
})

for (const nohup of [false, true]) {
  const what = nohup ? 'under nohup the pool goes on' : 'the pool ends gracefully'
  testWith('script', `the terminal hangs up: ${what}`, async () => {
    using folder = tempFolder()
    const pidFile = folder.file('pid')
    const port = await freePort()
    const command = [
      ...(nohup ? ['nohup'] : []),
      ...[process.execPath, cliPath, fixture('echo-body'), '--pid-file', pidFile],
      ...['--listen', `127.0.0.1:${port}`, '--threads', '1', '--processes', '1'],
      ...['--log-format', 'pretty', ...(nohup ? [`> ${folder.file('log')} 2>&1`] : [])],
    ].join(' ')
    const at = ['-qefc', `exec ${command}`, '/dev/null']
    const terminal = spawn('script', at, { stdio: ['pipe', 'ignore', 'inherit'] })
    const left = new Promise<void>((resolve) => terminal.once('exit', () => resolve()))
    const pid = await until(() => Number(read(pidFile)), LIMIT_MS, 'the pid file')
    try {
      const url = `http://127.0.0.1:${port}`
      const slow = await openRequest(url)
      const all = [pid, ...children(pid)]
      terminal.kill('SIGKILL')
      await within(left, LIMIT_MS, 'the end of the terminal')
      if (nohup) {
        const log = () => read(folder.file('log'))
        // Who has nothing of the terminal can't tell this HUP from any other.
        await until(() => log().includes('reload 1'), LIMIT_MS, 'a reload')
        assert.equal(await slow.finish(), { status: 200, body: 'begun, finished' })
        assert.is((await get(url, { method: 'POST', body: 'on' })).body, 'on')
        send(pid, 'SIGTERM')
      } else {
        const isRefused = () =>
          get(url).then(
            () => false,
            (error) => error.code === 'ECONNREFUSED',
          )
        await until(isRefused, LIMIT_MS, 'no new connections')
        assert.equal(await slow.finish(), { status: 200, body: 'begun, finished' })
      }
      await until(() => !all.some(isRunning), LIMIT_MS, 'the end')
    } finally {
      terminal.kill('SIGKILL')
      send(pid, 'SIGQUIT')
    }
  })
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

test.run()
