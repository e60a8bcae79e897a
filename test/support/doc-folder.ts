import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { local } from './certificates.js'
import { codeBlocks } from './doc-code.js'
import { freePort } from './free-port.js'
import { cliPath, packageRoot } from './paths.js'
import { tempFolder } from './temp-folder.js'

/** The block that begins with this line, which listens where tests may. */
function block(firstLine: string): string {
  const found = codeBlocks.find(({ text }) => text.startsWith(firstLine))
  if (found === undefined) throw new Error(`no block begins with ${firstLine}`)
  return found.text
    .replace(/listen\(\d+\)/, "listen(process.env.APP_PORT, '127.0.0.1')")
    .replace(/listen: \[8080\]/, "listen: ['127.0.0.1:0']")
}

/** A working folder with what the pages assume to be there: their own blocks, the package and what it is used with. */
export function docFolder(): ReturnType<typeof tempFolder> {
  const folder = tempFolder()
  const write = (name: string, text: string) => writeFileSync(folder.file(name), text)
  write('package.json', '{ "type": "module" }')
  write('app.js', block('// app.js'))
  write('app.ts', block('// app.js').replace('(req, res)', '(req: object, res: any)'))
  write('server.js', block('// server.js'))
  write('forkthread.config.js', block('// forkthread.config.js (or'))
  write('instrumentation.mjs', '')
  write('key.pem', local.key)
  write('cert.pem', local.cert)
  const bin = folder.file('node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  const run = `#!/bin/sh\nexec '${process.execPath}' '${cliPath}' "$@"\n`
  writeFileSync(join(bin, 'forkthread'), run, { mode: 0o755 })
  for (const name of ['express', 'tsx'])
    symlinkSync(join(packageRoot, 'node_modules', name), folder.file(`node_modules/${name}`))
  symlinkSync(packageRoot, folder.file('node_modules/forkthread'))
  symlinkSync(join(packageRoot, 'examples'), folder.file('examples'))
  return folder
}

const ADDRESS_OPTIONS = ['listen', 'admin', 'metrics', 'agent-check', 'proxy-protocol', 'inspect']
const ADDRESS = /^(https:\/\/)?(?:[\d.]+:)?\d+$/

/** The same words with addresses that a test may have: one of its own for each that is named. */
export async function onLoopback(
  args: readonly string[],
  folder: { file(name: string): string },
): Promise<string[]> {
  const own = new Map<string, string>()
  const instead = async (text: string): Promise<string> => {
    if (text.startsWith('unix:')) return `unix:${folder.file(`${await freePort()}.sock`)}`
    const [, scheme = ''] = ADDRESS.exec(text) ?? []
    if (!ADDRESS.test(text)) return text
    const address = own.get(text) ?? `${scheme}127.0.0.1:${await freePort()}`
    own.set(text, address)
    return address
  }
  const result: string[] = []
  for (const arg of args) {
    const [, name = '', value] = /^--([a-z-]+)(?:=(.*))?$/.exec(arg) ?? []
    const before = /^--([a-z-]+)$/.exec(args[result.length - 1] ?? '')?.[1] ?? ''
    if (arg === '--inspect') result.push(`--inspect=127.0.0.1:${await freePort()}`)
    else if (value !== undefined && ADDRESS_OPTIONS.includes(name))
      result.push(`--${name}=${await instead(value)}`)
    else result.push(ADDRESS_OPTIONS.includes(before) ? await instead(arg) : arg)
  }
  return result
}
