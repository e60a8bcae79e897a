/** `--watch`: a change of a file that the handler has loaded is taken up; a broken file is shown once, and the old code goes on. */
import { renameSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { get } from './support/http.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

const APP = `import { createRequire } from 'node:module'
import { word } from './word.mjs'
const { mark } = createRequire(import.meta.url)('./mark.cjs')
export default async (req, res) => {
  const late = req.url === '/late' ? (await import('./late.mjs')).late : ''
  res.end(word + mark + late)
}
`

function project() {
  const folder = tempFolder()
  const write = (name: string, text: string) => writeFileSync(folder.file(name), text)
  write('app.mjs', APP)
  write('word.mjs', "export const word = 'one'\n")
  write('mark.cjs', "exports.mark = '!'\n")
  write('late.mjs', "export const late = ' late'\n")
  const start = async () => {
    const size = ['--processes', '2', '--threads', '1']
    const program = startCli([
      folder.file('app.mjs'),
      '--listen',
      '127.0.0.1:0',
      ...size,
      '--watch',
    ])
    const [url = ''] = await program.ready()
    const says = (body: string) =>
      until(async () => (await get(url)).body === body, LIMIT_MS, `the answer ${body}`)
    return { program, url, says }
  }
  return { folder, write, start, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

/** So often the line stands in what was printed. */
function count(text: string, line: RegExp): number {
  return [...text.matchAll(new RegExp(line, 'g'))].length
}

test('a change of an ES module, a CommonJS module and one that was loaded late is taken up', async () => {
  using files = project()
  const { program, url, says } = await files.start()
  await using _ = program
  await says('one!')
  files.write('word.mjs', "export const word = 'two'\n")
  await says('two!')
  // As many editors save: a new file in the place of the old one.
  files.write('mark.cjs.new', "exports.mark = '?'\n")
  renameSync(files.folder.file('mark.cjs.new'), files.folder.file('mark.cjs'))
  await says('two?')
  await program.output(/reload 2: all processes/, 'stderr')
  assert.is((await get(`${url}/late`)).body, 'two? late')
  // The parent hears of a late module a moment after the response.
  let version = 0
  const isSeen = () => {
    files.write('late.mjs', `export const late = ' later' // ${version++}\n`)
    return /late\.mjs has changed/.test(program.stderr)
  }
  await until(isSeen, LIMIT_MS, 'the change of late.mjs')
  const isLater = async () => (await get(`${url}/late`)).body === 'two? later'
  await until(isLater, LIMIT_MS, 'the new late.mjs')
})

test('a broken file is shown once, the old code goes on, and its repair is taken up', async () => {
  using files = project()
  const { program, says } = await files.start()
  await using _ = program
  files.write('word.mjs', 'export const word = \n')
  await program.output(/FT_ERR_HANDLER_LOAD/, 'stderr')
  await says('one!')
  // Only now nothing can be on its way that the broken file has caused.
  files.write('word.mjs', "export const word = 'mended'\n")
  await says('mended!')
  await program.output(/reload 1: all processes/, 'stderr')
  assert.is(count(program.stderr, /FT_ERR_HANDLER_LOAD/), 1)
  assert.is(count(program.stderr, /has changed/), 2)
})

test('a change is taken up that comes between the load of a file and the watch of it', async () => {
  using files = project()
  // Written while the threads load, each behind its own reading of the file.
  files.write('word.mjs', "export const word = 'one'\n")
  files.write(
    'app.mjs',
    `import { writeFileSync } from 'node:fs'
import { word } from './word.mjs'
const file = new URL('./word.mjs', import.meta.url)
if (word === 'one') writeFileSync(file, "export const word = 'two'\\n")
export default (req, res) => res.end(word)
`,
  )
  const { program, says } = await files.start()
  await using _ = program
  await says('two')
})

test('a file that is written again with the same content is no change', async () => {
  using files = project()
  const { program, says } = await files.start()
  await using _ = program
  files.write('word.mjs', "export const word = 'one'\n")
  files.write('unrelated.mjs', 'export default 1\n')
  files.write('mark.cjs', "exports.mark = '.'\n")
  await says('one.')
  await program.output(/reload 1: all processes/, 'stderr')
  assert.is(count(program.stderr, /has changed/), 1)
  assert.match(program.stderr, /mark\.cjs has changed/)
})

test.run()
