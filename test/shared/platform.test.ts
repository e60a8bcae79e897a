/** On a system that forkthread can't work on, there is one clear error instead of a missing binary's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli, startScript } from '../support/cli.js'
import { fixture } from '../support/paths.js'

/** Makes node believe that it runs on Windows, before anything else is imported. */
const onWindows = {
  execArgv: [
    '--import',
    "data:text/javascript,Object.defineProperty(process,'platform',{value:'win32'})",
  ],
}

test('the command says so and exits with 1', async () => {
  const run = await runCli([fixture('echo-body'), '--listen', '127.0.0.1:0'], onWindows)
  assert.is(run.code, 1)
  assert.is(run.stdout, '')
  assert.match(
    run.stderr,
    /^forkthread: .*win32 does not have.*Linux or macOS.*\[FT_ERR_PLATFORM\]\n$/,
  )
})

test('it says so whatever the arguments are', async () => {
  for (const args of [[], ['--bogus'], ['./nowhere.js', '--listen', '80']]) {
    const run = await runCli(args, onWindows)
    assert.is(run.code, 1)
    assert.match(run.stderr, /\[FT_ERR_PLATFORM\]\n$/)
  }
})

test('createPool rejects with FT_ERR_PLATFORM, and the import does no harm', async () => {
  await using program = startScript(
    fixture('prints-start-error'),
    [fixture('echo-body')],
    onWindows,
  )
  assert.equal(await program.exit(), { code: 0, signal: null })
  await program.outputEnd()
  assert.is(program.stdout, 'FT_ERR_PLATFORM\n')
  assert.is(program.stderr, '')
})

test.run()
