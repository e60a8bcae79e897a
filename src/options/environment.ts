import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { fail } from '../shared/errors.js'

type Variables = Readonly<Record<string, string>>

/**
 * The variables of files with lines `NAME=value`, for the worker threads. As with `node --env-file` a later file wins over an earlier
 * one, and what the environment has already wins over all of them.
 * @throws FT_ERR_ENV_FILE
 */
export function readEnvFiles(paths: readonly string[], environment: NodeJS.ProcessEnv): Variables {
  const found = Object.assign({}, ...paths.map(readEnvFile)) as Record<string, string>
  return Object.fromEntries(
    Object.entries(found).filter(([name]) => environment[name] === undefined),
  )
}

function readEnvFile(path: string): Variables {
  const file = resolve(path)
  try {
    return parseEnv(readFileSync(file, 'utf8')) as Variables
  } catch (error) {
    throw fail('FT_ERR_ENV_FILE', [file, reasonOf(error)], error)
  }
}

function reasonOf(error: unknown): string {
  // Node 20 before 20.12.
  if (typeof parseEnv !== 'function') return 'this version of Node has no parser for it (20.12 has)'
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a folder'
  return code === undefined ? String(error) : `it can't be read (${code})`
}

/**
 * What `PORT` says, which platforms for containers set: the default of `listen`, on every interface.
 * @throws FT_ERR_OPTION
 */
export function portOfEnvironment(environment: NodeJS.ProcessEnv): number | undefined {
  const { PORT } = environment
  if (PORT === undefined || PORT.trim() === '') return undefined
  const port = /^\s*\d{1,5}\s*$/.test(PORT) ? Number(PORT) : Number.NaN
  if (port <= 65_535) return port
  throw fail('FT_ERR_OPTION', [
    'PORT, the variable of the environment that is the default of listen',
    PORT,
    'a port from 0 to 65535; or give listen, or unset it',
  ])
}
