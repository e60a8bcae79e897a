/** Programs that a thread has started, and that end after it, are waited for by its process; those of living threads are theirs. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { serve } from './support/serve.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

/** Defunct processes whose parent is one of these. */
function zombiesOf(parents: readonly number[]): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' && parents.includes(Number(parent)) ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

test('of threads that are recycled or killed nothing stays, and living threads see the end of their own', async () => {
  const options = { threads: 2, recycleRequests: 5, blockedTimeout: 2000 }
  await using serving = await serve('starts-programs', options)
  const { url, pool } = serving
  const parents = (): number[] => pool.stats().processes.map(({ pid }) => pid)
  const answers: Promise<{ readonly body: string }>[] = []
  for (let count = 0; count < 60; count++) {
    await get(`${url}/?seconds=0.${count % 10}`)
    if (count % 20 === 0) answers.push(get(`${url}/wait?seconds=1`))
    await sleep(10)
  }
  for (const { body } of await Promise.all(answers)) assert.is(body, 'ended 0')
  await get(`${url}/loop?seconds=2`).catch(() => undefined)
  await until(() => serving.errors.length > 0, LIMIT_MS, 'the death of the thread')
  await until(() => zombiesOf(parents()).length === 0, LIMIT_MS, 'nothing defunct')
})

const canUnshare =
  spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true'], { stdio: 'ignore' }).status ===
  0

if (!canUnshare) console.log('skipped: "as the first process of a container": unshare may not')
else
  test('as the first process of a container it waits for those whose parents are gone', async () => {
    await using program = startCli(
      [fixture('starts-programs'), '--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1'],
      { launcher: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] },
    )
    const [address = ''] = await program.ready()
    const [first = 0] = program.children()
    assert.match(execFileSync('cat', [`/proc/${first}/status`]).toString(), /NSpid:\t\d+\t1\n/)
    for (let count = 0; count < 10; count++) await get(`${address}/orphan?seconds=0.3`)
    const isSleep = (pid: number): boolean => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n'
      } catch {
        // It has ended since it was listed.
        return false
      }
    }
    await until(() => !program.descendants().some(isSleep), LIMIT_MS, 'the end of all')
    await until(() => zombiesOf([first]).length === 0, LIMIT_MS, 'nothing defunct')
    process.kill(first, 'SIGTERM')
    await program.exit()
  })

test.run()
