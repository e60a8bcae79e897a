/** What a thread loads costs each of them: milliseconds, and memory. One that serves in the clear loads nothing of Node's that it has no use for. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { serve } from './support/serve.js'

/** Of undici any part: from Node 22 on an `import` of `node:http` loads it for the sake of `WebSocket`. */
const NEEDLESS =
  /^NativeModule (tls|https|http2|crypto|internal\/crypto\/.+|internal\/deps\/undici\/.+)$/

async function loaded(): Promise<string[]> {
  await using pool = await serve('loaded-modules')
  const { body } = await get(pool.url)
  return JSON.parse(body) as string[]
}

test('neither TLS nor HTTP/2 nor undici is loaded for a handler of HTTP', async () => {
  const names = await loaded()
  assert.ok(names.includes('NativeModule http'), 'the list is what it was taken for')
  assert.equal(
    names.filter((name) => NEEDLESS.test(name)),
    [],
  )
})

test('of koffi a thread loads the addon alone', async () => {
  const [addon, ...others] = (await loaded()).filter((name) => /^\/.*koffi/.test(name))
  assert.match(addon ?? '', /\/koffi\.node$/)
  assert.equal(others, [])
})

test('the code of a process or thread is ASCII: by one other character V8 keeps all of it in two bytes each', () => {
  for (const file of [
    'cli.cjs',
    'child/main.cjs',
    'thread/worker.js',
    'worker/lease.cjs',
    'parker/main.js',
  ]) {
    const code = readFileSync(join(packageRoot, 'dist', file), 'utf8')
    assert.is(/[^\0-\x7f].*/.exec(code)?.[0], undefined, file)
  }
})

test('the code of a thread is a script, and has no `import` but the one that is lent to it', () => {
  const code = readFileSync(join(packageRoot, 'dist', 'worker', 'lease.cjs'), 'utf8')
  const found = [...code.matchAll(/(?<![\w.])import\(\w+\)/g)].map(([words]) => words)
  // Piscina's, for a task that can't be required.
  assert.equal(found, ['import(specifier)', 'import(url)'])
})

test.run()
