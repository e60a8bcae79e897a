import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { entryFile } from '../shared/entry-files.js'
import { fail } from '../shared/errors.js'
import { fromStartFolder } from '../shared/start-folder.js'
import { defaultOf, understandTypeScript } from '../shared/typescript.js'
import { textOf } from '../shared/user-stack.js'

/** Modules that have been imported here: Node would not read them again, nor what they import. */
const imported = new Set<string>()

/**
 * The options of a configuration file: the default export of a module, in JavaScript or TypeScript, or an object in JSON. Relative
 * paths of handler and envFile are relative to the file. Each call reads the file anew.
 * @throws FT_ERR_CONFIG
 */
export async function loadConfig(given: string): Promise<Record<string, unknown>> {
  const path = fromStartFolder(given)
  if (!existsSync(path)) throw fail('FT_ERR_CONFIG', [path, 'there is no such file'])
  let options: unknown
  try {
    options = path.endsWith('.json')
      ? JSON.parse(readFileSync(path, 'utf8'))
      : await defaultExportOf(pathToFileURL(path).href)
  } catch (error) {
    throw fail('FT_ERR_CONFIG', [path, reasonOf(error)], path.endsWith('.json') ? undefined : error)
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw fail('FT_ERR_CONFIG', [
      path,
      `${path.endsWith('.json') ? 'what it holds' : 'its default export'} is ${kindOf(options)}`,
    ])
  // Editors read it; it is no option.
  const { $schema: _, ...rest } = options as Record<string, unknown>
  const here = (value: unknown): unknown =>
    typeof value === 'string' && !value.startsWith('file:') ? resolve(dirname(path), value) : value
  const { handler, envFile } = rest
  return {
    ...rest,
    ...(handler === undefined ? {} : { handler: here(handler) }),
    ...(envFile === undefined
      ? {}
      : { envFile: Array.isArray(envFile) ? envFile.map(here) : here(envFile) }),
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return textOf(error)
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ERR_UNKNOWN_FILE_EXTENSION') return error.message
  return `${error.message}; Node ${process.version} can't load it: use .js or .json, Node 22.18, or install tsx beside it`
}

async function defaultExportOf(url: string): Promise<unknown> {
  await understandTypeScript(url)
  if (!imported.has(url)) {
    imported.add(url)
    return defaultOf((await import(url)) as object)
  }
  const reader = new Worker(entryFile('cli/config-reader.js'), {
    workerData: url,
    // As at the start, what the module does to the environment is for the children.
    env: SHARE_ENV,
  })
  try {
    return await messageOf(reader)
  } finally {
    // A timer of the module must not keep it.
    await reader.terminate()
  }
}

/** A thread may end without a word: the module calls `process.exit`, or waits for what never comes. */
async function messageOf(reader: Worker): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    reader.once('message', resolve)
    reader.once('error', reject)
    reader.once('exit', (code) => reject(new Error(`it ended its thread with status ${code}`)))
  })
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}
