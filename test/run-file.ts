/**
 * Runs one test file: `node build/test/run-file.js sync/mutex`. The runner does it so.
 *
 * What rejects while nobody looks yet must not end the file: when a test fails, its pool closes, and with it ends a `reload()` that the test would have
 * waited for later. The tests that follow run, what failed first is told, and the file has failed in any case.
 */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from './support/paths.js'

process.on('unhandledRejection', (error) => {
  console.log('\nnobody waited for what rejected:', error)
  // uvu sets the exit code when all tests are over.
  process.once('exit', () => {
    process.exitCode = 1
  })
})

const [, , name = ''] = process.argv
await import(pathToFileURL(join(packageRoot, 'build', 'test', `${name}.test.js`)).href)
