import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fail } from '../errors.js'

/**
 * The options of a configuration file: the default export of a module. A relative handler is relative to the file.
 * @throws FT_ERR_CONFIG
 */
export async function loadConfig(given: string): Promise<Record<string, unknown>> {
  const path = resolve(given)
  if (!existsSync(path)) throw fail('FT_ERR_CONFIG', [path, 'there is no such file'])
  let options: unknown
  try {
    options = ((await import(pathToFileURL(path).href)) as { default?: unknown }).default
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

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}
