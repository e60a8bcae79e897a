import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, runScript, scriptOf } from '#dist/worker/code-script.js'
import { tempFolder } from '../support/temp-folder.js'

const folder = tempFolder()
test.after(() => folder[Symbol.dispose]())

const file = folder.file('some.cjs')
const load = createRequire(file)
writeFileSync(file, `exports.who = () => [__filename, require('node:path').basename(__filename)]`)

test('a script runs as a module of CommonJS does', () => {
  const { who } = runScript(scriptOf(file, undefined), file, load) as { who: () => unknown }
  assert.equal(who(), [file, 'some.cjs'])
})

test('what V8 has made of it is taken by the next one', () => {
  const first = scriptOf(file, undefined)
  runScript(first, file, load)
  const second = scriptOf(file, codeOf(first))
  assert.is(second.cachedDataRejected, false)
  const { who } = runScript(second, file, load) as { who: () => unknown }
  assert.equal(who(), [file, 'some.cjs'])
})

test('what it has made of another file is not', () => {
  const code = codeOf(scriptOf(file, undefined))
  const other = folder.file('other.cjs')
  writeFileSync(other, `exports.what = 'another one'`)
  const script = scriptOf(other, code)
  assert.is(script.cachedDataRejected, true)
  assert.equal(runScript(script, other, load), { what: 'another one' })
})

test.run()
