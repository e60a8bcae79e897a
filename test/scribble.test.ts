/** A child may write anything anywhere into the scoreboard: figures get confused, the parent does not. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startScript } from './support/cli.js'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { isRunning } from './support/processes.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
const ROUNDS = 150

for (const acceptMutex of ['flock', 'none']) {
  test(`the parent survives, signals nobody else, and recovers (${acceptMutex})`, async () => {
    // The pool has a process of its own, beside which a bystander runs that it must never signal.
    await using bystander = startScript(fixture('bystander'))
    await bystander.output(/waiting/)
    await using program = startScript(fixture('scribbled-pool'), [acceptMutex])
    await program.output(/^ready (.*)$/m)
    const address = program.stdout.match(/^ready (.*)$/m)?.[1] ?? ''
    for (let round = 0; round < ROUNDS; round++) {
      // What is scribbled over may also be the idle word of whoever serves next, so there may be no answer.
      await get(
        `${address}/scribble?with=${patterns[round % patterns.length]}&pid=${bystander.pid}`,
        {
          timeoutMs: 200,
        },
      ).catch(() => undefined)
    }
    program.send('SIGUSR1')
    // stats() at every moment, resize(), and all that a look does, have thrown nothing.
    await program.output(/^looked (\d+) times$/m)
    const looks = Number(program.stdout.match(/^looked (\d+) times$/m)?.[1])
    assert.ok(looks > 5, `${looks} looks`)
    assert.ok(isRunning(program.pid), program.stderr)
    assert.not.match(program.stderr, /unreachable|TypeError|RangeError/)

    // Processes that start from now on find everything in order.
    for (const pid of program.children()) process.kill(pid, 'SIGKILL')
    const isServed = async () => {
      const reply = await get(address, { timeoutMs: 1000 }).catch(() => undefined)
      return reply?.status === 200
    }
    await until(isServed, LIMIT_MS, 'service by new processes')
    assert.ok(isRunning(bystander.pid))
    program.send('SIGTERM')
    assert.equal(await program.exit(), { code: 0, signal: null }, program.stderr)
    await program.output(/^closed$/m)
    await program.gone()
    assert.not.match(bystander.stdout, /signal/)
  })
}

/** The last one writes the bystander's pid everywhere. */
const patterns = ['random', 'zeros', 'ones', 'odd', 'nan', 'pid'] as const

test.run()
