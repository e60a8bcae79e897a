/** The code in README.md and docs/*.md is taken by what it is for, and what it imports from the package is there. */
import { writeFileSync } from 'node:fs'
import { transform } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseDocument } from 'yaml'
import * as handlerExports from '#dist/handler.js'
import * as mainExports from '#dist/index.js'
import { codeBlocks, isCommand } from './support/doc-code.js'
import { tempFolder } from './support/temp-folder.js'
import { runTool, testWith } from './support/tools.js'

/** Types, which are gone at run time, are taken by the test of the package. */
const exportsOf: Readonly<Record<string, object>> = {
  forkthread: mainExports,
  'forkthread/handler': handlerExports,
}

async function takeScript(text: string, loader: 'js' | 'ts'): Promise<void> {
  await transform(text, { loader, format: 'esm' })
  for (const [, list = '', from = ''] of text.matchAll(
    /^import \{([^}]+)\} from '(forkthread[^']*)'/gm,
  ))
    for (const name of list.split(','))
      assert.ok(name.trim() in (exportsOf[from] ?? {}), `${from} has no ${name}`)
}

async function takeNginx(line: string): Promise<void> {
  using folder = tempFolder()
  const settings = `pid ${folder.file('nginx.pid')}; error_log stderr; events {} http { server { listen 127.0.0.1:8080; location / { ${line}\n } } }`
  writeFileSync(folder.file('nginx.conf'), settings)
  await runTool('nginx', ['-t', '-q', '-c', folder.file('nginx.conf')])
}

async function takeHaproxy(line: string): Promise<void> {
  using folder = tempFolder()
  const limits = ['connect', 'client', 'server'].map((name) => `timeout ${name} 1s`)
  const file = folder.file('haproxy.cfg')
  const frontend = ['frontend docs', 'mode http', 'bind 127.0.0.1:8080', line]
  writeFileSync(file, `${['defaults', ...limits, ...frontend].join('\n')}\n`)
  await runTool('haproxy', ['-c', '-f', file])
}

for (const { place, language, text } of codeBlocks) {
  const name = `${place}: ${language}`
  switch (language) {
    case 'js':
    case 'ts':
      test(name, () => takeScript(text, language))
      break
    case 'json':
      test(name, () => void JSON.parse(text))
      break
    case 'yaml':
      test(name, () => assert.equal(parseDocument(text).errors, []))
      break
    case 'nginx':
      testWith('nginx', name, () => takeNginx(text))
      break
    case 'haproxy':
      testWith('haproxy', name, () => takeHaproxy(text))
      break
    case 'sh':
    case 'console':
      // The commands are run by the test `doc-commands`.
      break
    case 'apache':
    case 'text':
      test(`${name} hides no command`, () => {
        assert.equal(text.split('\n').filter(isCommand), [])
      })
      break
    default:
      test(name, () => assert.unreachable('what is it? sh, js, text, …'))
  }
}

test.run()
