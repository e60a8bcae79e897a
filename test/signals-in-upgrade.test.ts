/** The columns of docs/signals.md for an upgrade: each signal, sent to the old parent and to the new one. */
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { children, isRunning, isStopped, send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
/** Nobody comes to its end here. */
const TRIAL_MS = 600_000

/** A pool whose threads are ready when there is a file `gate`. */
function project(canaryTime = TRIAL_MS) {
  const folder = tempFolder()
  const gate = folder.file('gate')
  writeFileSync(gate, '')
  writeFileSync(
    folder.file('app.mjs'),
    `import { existsSync } from 'node:fs'
     import { setTimeout as sleep } from 'node:timers/promises'
     export async function setup() { while (!existsSync(${JSON.stringify(gate)})) await sleep(20) }
     export default (req, res) => res.end(String(process.ppid))`,
  )
  const sizes = ['--processes', '1', '--threads', '1', '--canary-time', String(canaryTime)]
  const closeGate = () => rmSync(gate)
  const start = () => startCli([folder.file('app.mjs'), '--listen', '127.0.0.1:0', ...sizes])
  return { gate, closeGate, start, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

/** Begins an upgrade; the pid of the new parent as soon as it has been started. */
async function begin(program: Program): Promise<number> {
  const known = children(program.pid)
  program.send('SIGUSR2')
  const started = () => children(program.pid).find((pid) => !known.includes(pid))
  const pid = await until(started, LIMIT_MS, 'the new parent')
  program.adopt(pid)
  return pid
}

/** Sends it, and waits for so many lines (in all) that say what came of it. */
async function told(
  program: Program,
  pid: number,
  signal: NodeJS.Signals,
  line: RegExp,
  times = 1,
): Promise<void> {
  send(pid, signal)
  const all = new RegExp(line.source, 'g')
  const count = (): number => [...program.stderr.matchAll(all)].length
  await until(() => count() >= times, LIMIT_MS, `${line} × ${times} after ${signal}`)
  assert.not(isStopped(pid))
}

test('to the old parent while the new one is on trial', async () => {
  using files = project()
  await using program = files.start()
  const [url = ''] = await program.ready()
  const next = await begin(program)
  await program.output(/(?:listening on .*\n){2}/)
  const { pid } = program
  await told(program, pid, 'SIGTTIN', /processes are now 2:2/)
  await told(program, pid, 'SIGTTOU', /processes are now 1:1/)
  await told(program, pid, 'SIGUSR1', /SIGUSR1: opening the access log anew/)
  await told(program, pid, 'SIGUSR2', /SIGUSR2: starting a new parent/, 2)
  // Reloads wait for the end of the upgrade: had it begun one, it would have told before the answer to the next signal.
  send(pid, 'SIGHUP')
  await told(program, pid, 'SIGUSR1', /SIGUSR1: opening the access log anew/, 2)
  assert.not.match(program.stderr, /reload 1|FT_ERR/)
  send(next, 'SIGKILL')
  await program.output(/FT_ERR_UPGRADE/, 'stderr')
  await program.output(/reload 1: /, 'stderr')
  // A child whose parent was killed finishes what it has taken.
  const served = async () => Number((await get(url)).body) === pid
  await until(served, LIMIT_MS, 'the old parent serves alone')
})

test('to the new parent while it starts: orders are kept until it is ready', async () => {
  using files = project(1000)
  await using program = files.start()
  await program.ready()
  files.closeGate()
  const next = await begin(program)
  // From its first moment on none has its default effect; it says so when it has come to obey.
  await until(() => children(next).length === 1, LIMIT_MS, 'a child of the new parent')
  await told(program, next, 'SIGHUP', /SIGHUP: still starting, will be/)
  await told(program, next, 'SIGUSR1', /SIGUSR1: still starting, will be/)
  await told(program, next, 'SIGTTIN', /SIGTTIN: still starting, will be/)
  await told(program, next, 'SIGTTIN', /SIGTTIN: still starting, will be/, 2)
  await told(program, next, 'SIGTTOU', /SIGTTOU: still starting, will be/)
  await told(program, next, 'SIGUSR2', /SIGUSR2: still starting, so there is no upgrade/)
  writeFileSync(files.gate, '')
  await program.output(/SIGUSR1: opening the access log anew/, 'stderr')
  await program.output(/processes are now 3:3[\s\S]*processes are now 2:2/, 'stderr')
  await program.output(/reload 1: .*\(\d+ replaced, 0 to go\)/, 'stderr')
  await until(() => !isRunning(program.pid), LIMIT_MS, 'the end of the old parent')
  assert.not.match(program.stderr, /FT_ERR/)
})

test('to the new parent: what ends it before it has taken over leaves the old one serving', async () => {
  using files = project()
  await using program = files.start()
  const [url = ''] = await program.ready()
  const failures = (): number => [...program.stderr.matchAll(/FT_ERR_UPGRADE/g)].length
  for (const [index, [signal, how]] of (
    [
      ['SIGTERM', 'the new parent says: SIGTERM: stopped while starting'],
      ['SIGINT', 'the new parent says: SIGINT: stopped while starting'],
      ['SIGQUIT', 'the new parent exited with status 131'],
    ] as const
  ).entries()) {
    files.closeGate()
    const next = await begin(program)
    await until(() => children(next).length === 1, LIMIT_MS, 'a child of the new parent')
    send(next, signal)
    await until(() => failures() > index, LIMIT_MS, `a failure after ${signal}`)
    assert.ok(program.stderr.includes(how), program.stderr)
    await until(() => !isRunning(next) && children(program.pid).length === 1, LIMIT_MS, 'its end')
    writeFileSync(files.gate, '')
    assert.is(Number((await get(url)).body), program.pid)
  }
})

test.run()
