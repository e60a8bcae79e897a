/** A wall clock that steps, as NTP and virtual machines make it, decides nothing. */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Stats } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'

const BLOCKED_MS = 1_500
/** Longer than `blockedTimeout`, and the look at it. */
const SLOW_MS = 4_500

for (const [what, stepMs] of [
  ['back', -5_000],
  ['forward', 120_000],
] as const) {
  test(`a step ${what} during a request: it is answered, and nothing is ended or recycled for it`, async () => {
    using folder = tempFolder()
    const step = folder.file('step')
    const preload = `--import=${pathToFileURL(fixture('stepping-clock'))}`
    await using program = startCli(
      [
        ...[fixture('http'), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
        ...['--processes', '1', '--threads', '1', '--blocked-timeout', String(BLOCKED_MS)],
        ...['--recycle-lifetime', '60000'],
      ],
      { env: { NODE_OPTIONS: preload, CLOCK_STEP: step } },
    )
    const [url = ''] = await program.ready()
    const [, admin = ''] = await program.output(/admin on (\S+)/, 'stderr')
    const stats = async (): Promise<Stats> =>
      JSON.parse((await get(`${admin}/status.json`)).body) as Stats
    const before = await stats()
    const slow = get(`${url}/slow?ms=${SLOW_MS}`)
    await sleep(BLOCKED_MS / 2)
    writeFileSync(step, String(stepMs))
    await sleep(BLOCKED_MS)
    const during = await stats()
    const age = during.uptimeMs - before.uptimeMs
    assert.ok(age > 0 && age < 60_000, `uptimeMs went on by ${age}`)
    const busyMs = during.processes[0]?.threads[0]?.busyMs ?? 0
    assert.ok(busyMs >= BLOCKED_MS && busyMs < 60_000, `busyMs is ${busyMs}`)
    assert.is((await slow).status, 200)
    const after = await stats()
    assert.is(after.totals.threadDeaths, 0)
    assert.equal(
      after.processes.map(({ pid }) => pid),
      before.processes.map(({ pid }) => pid),
    )
    assert.not.match(program.stderr, 'FT_ERR')
  })
}

test.run()
