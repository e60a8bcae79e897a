import { readFileSync } from 'node:fs'
import { Script } from 'node:vm'

/** Gives what V8 has made of a thread's code, if it still has it. */
export type HandOver = (to: (code: SharedArrayBuffer) => void) => void

/**
 * A file of CommonJS in ASCII, with what V8 made of it before, if that is known. If it is another file by now, it is read as if nothing were
 * known. It can't `import`.
 */
export function scriptOf(file: string, known: SharedArrayBuffer | undefined): Script {
  const source = `(function (exports, require, module, __filename) { ${readFileSync(file, 'latin1')}\n})`
  const cachedData = known === undefined ? {} : { cachedData: new Uint8Array(known) }
  return new Script(source, { filename: file, ...cachedData })
}

/** Runs it as Node runs a module; returns what it exports. */
export function runScript(
  script: Script,
  file: string,
  require: (name: string) => unknown,
): unknown {
  const module = { exports: {} }
  script.runInThisContext().call(module.exports, module.exports, require, module, file)
  return module.exports
}

/** What V8 has made of it by now, for other threads of this process. */
export function codeOf(script: Script): SharedArrayBuffer {
  const made = script.createCachedData()
  const shared = new SharedArrayBuffer(made.length)
  new Uint8Array(shared).set(made)
  return shared
}
