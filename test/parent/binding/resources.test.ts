/** A pool that can't open everything it needs opens nothing. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Attempt } from '../../fixtures/half-opened.js'
import { fixture } from '../../support/paths.js'
import { tempFolder } from '../../support/temp-folder.js'

const run = promisify(execFile)

for (const acceptMutex of ['none', 'flock']) {
  test(`out of descriptors at any step of the start: nothing stays open, no file stays (${acceptMutex})`, async () => {
    using folder = tempFolder()
    const program = `ulimit -n 512 && exec "$0" "$@"`
    const args = [
      '-c',
      program,
      process.execPath,
      fixture('half-opened'),
      fixture('http'),
      acceptMutex,
    ]
    const env = { ...process.env, TMPDIR: folder.path }
    const { stdout } = await run('/bin/sh', args, { timeout: 60_000, env })
    const attempts: Attempt[] = JSON.parse(stdout)
    // Two listeners, lock folder, scoreboard and mailbox at least.
    assert.ok(attempts.length > 5, stdout)
    for (const [left, { code, leaked, files }] of attempts.entries()) {
      assert.is(leaked, 0, `${left} left: ${code}`)
      assert.equal(files, [], `${left} left: ${code}`)
    }
  })
}

test.run()
