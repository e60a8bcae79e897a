import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { entryFile } from '../shared/entries.js'
import { fail } from '../shared/errors.js'

/** Modules that have been imported here: Node would not read them again, nor what they import. */
const imported = new Set<string>()

/**
 * The options of a configuration file: the default export of a module. A relative handler is relative to the file. Each call
 * reads the file anew.
 * @throws FT_ERR_CONFIG
 */
export async function loadConfig(given: string): Promise<Record<string, unknown>> {
  const path = resolve(given)
  if (!existsSync(path)) throw fail('FT_ERR_CONFIG', [path, 'there is no such file'])
  let options: unknown
  try {
    options = await defaultExportOf(pathToFileURL(path).href)
  } catch (error) {
    throw fail(
      'FT_ERR_CONFIG',
      [path, error instanceof Error ? error.message : String(error)],
      error,
    )
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw fail('FT_ERR_CONFIG', [path, `its default export is ${kindOf(options)}`])
  const { handler, ...rest } = options as Record<string, unknown>
  if (handler === undefined) return rest
  const isPath = typeof handler === 'string' && !handler.startsWith('file:')
  return { ...rest, handler: isPath ? resolve(dirname(path), handler) : handler }
}

async function defaultExportOf(url: string): Promise<unknown> {
  if (!imported.has(url)) {
    imported.add(url)
    return ((await import(url)) as { default?: unknown }).default
  }
  const reader = new Worker(entryFile('cli/config-reader'), {
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
