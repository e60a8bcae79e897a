/** One thread leads, over everything that moves it: an upgrade, a killed process, a reload, an exit. Never two at a time. */
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

/** Who leads holds a file that can be made once only; that of a killed process is no longer held. */
const APP = (folder: string) => `import { context } from '${packageRoot}/dist/handler.js'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
const who = \`\${process.pid}.\${context.thread}\`
const tell = (text) => appendFileSync('${folder}/log', \`\${text} \${who} \${process.ppid}\\n\`)
const held = '${folder}/held'
const take = () => writeFileSync(held, String(process.pid), { flag: 'wx' })
function isGone(pid) {
  try {
    return process.kill(pid, 0) && false
  } catch {
    return true
  }
}
context.onLeader((signal) => {
  try {
    take()
  } catch {
    if (!isGone(Number(readFileSync(held, 'utf8')))) tell('two')
    rmSync(held, { force: true })
    take()
  }
  tell('leads')
  signal.addEventListener('abort', () => {
    rmSync(held)
    tell('stops')
  })
})
export default (request, response) => response.end(String(process.ppid))
`

test('never two lead, whatever moves the leader: an upgrade, SIGKILL, a reload', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP(folder.path))
  writeFileSync(folder.file('log'), '')
  const admin = `unix:${folder.file('admin')}`
  const size = ['--processes', '2', '--threads', '2', '--canary-time', '0']
  const idle = ['--shutdown-idle-timeout', '0']
  await using running = startCli([
    ...[folder.file('app.mjs'), '--listen', '127.0.0.1:0', '--admin', admin],
    ...[...size, ...idle],
  ])
  const [url = ''] = await running.ready()
  const log = () =>
    readFileSync(folder.file('log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
  /** The leader that is not this one, once there is one; its parent as well. */
  const leader = async (than?: string): Promise<{ who: string; parent: number }> =>
    await until(
      () => {
        const [what, who = '', parent] = log().at(-1) ?? []
        return what === 'leads' && who !== than ? { who, parent: Number(parent) } : undefined
      },
      LIMIT_MS,
      `another leader than ${than}`,
    )
  const first = await leader()
  assert.is((await runCli(['upgrade', '--admin', admin])).code, 0)
  await until(() => !isRunning(first.parent), LIMIT_MS, 'the end of the old parent')
  const parent = Number((await get(url)).body)
  running.adopt(parent)
  const second = await leader(first.who)
  assert.is(second.parent, parent)
  process.kill(Number(second.who.split('.')[0]), 'SIGKILL')
  const third = await leader(second.who)
  process.kill(parent, 'SIGHUP')
  const fourth = await leader(third.who)
  const told = log()
  assert.not.ok(
    told.some(([what]) => what === 'two'),
    JSON.stringify(told),
  )
  // Who was not killed has stopped before the next one led.
  for (const { who } of [first, third]) {
    const stop = told.findIndex(([what, by]) => what === 'stops' && by === who)
    const next = told.findIndex(([what, by], at) => what === 'leads' && by !== who && at > stop)
    assert.ok(stop > 0 && next === stop + 1, JSON.stringify(told))
  }
  assert.is.not(fourth.who, third.who)
})

test.run()
