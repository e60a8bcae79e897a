import { statSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import * as z from 'zod/mini'
import { fail } from '../shared/errors.js'
import { fromStartFolder } from '../shared/start-folder.js'
import { isSamePlace, parseAddress } from './address.js'
import { measureMachine } from './default-sizes.js'
import { portOfEnvironment, readEnvFiles } from './environment.js'
import { flagsOfNode, heapLimits } from './heap-limit.js'
import type { PoolOptions, PoolSizes, Settings } from './options.js'
import { metaOf, type OptionName, optionNames, schema } from './schema.js'

/** What the commands read, too; handlers must not. */
export const TOKEN_VARIABLE = 'FORKTHREAD_ADMIN_TOKEN'

/**
 * Checks options and fills in what is missing.
 * @throws FT_ERR_OPTION for the first wrong value, FT_ERR_OPTION_UNKNOWN for a name that is none,
 *   FT_ERR_HANDLER_NOT_FOUND when the handler's file is missing
 */
export function parseOptions(given: unknown): Settings {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw fail('FT_ERR_OPTION', ['options', given, 'an object with at least a handler'])
  const { listen, envFile } = given as { readonly listen?: unknown; readonly envFile?: unknown }
  const variables = readEnvFiles(pathsOf(envFile), process.env)
  const port =
    listen === undefined ? portOfEnvironment({ ...variables, ...process.env }) : undefined
  const token = process.env[TOKEN_VARIABLE]
  const told = {
    ...(token === undefined || token === '' ? {} : { adminToken: token }),
    ...given,
    ...(port === undefined ? {} : { listen: port }),
  }
  const result = schema.safeParse(told)
  if (!result.success) throw explain(given, result.error)
  const settings = result.data
  if (settings.group !== undefined && settings.user === undefined)
    throw refusal('group', settings.group)
  const addresses = settings.listen.map((one) => (typeof one === 'object' ? one.address : one))
  checkProxied(given, settings, addresses)
  return {
    ...settings,
    listen: addresses,
    ownTls: settings.listen.map((one) => (typeof one === 'object' ? one.tls : undefined)),
    admin: settings.admin === 'off' ? undefined : settings.admin,
    tls: tlsOf(given, settings),
    // Who stands at a breakpoint must not be killed for that.
    ...(settings.inspect === undefined ? {} : { blockedTimeout: 0 }),
    headersTimeout: headersTimeoutOf(given, settings),
    env: envFile === undefined ? settings.env : { ...variables, ...settings.env },
    resourceLimits: limitsOf(settings),
    handler: resolveHandler(settings.handler),
  }
}

/**
 * Checks those options that only the API has.
 * @throws FT_ERR_OPTION
 */
export function checkApiOptions(given: PoolOptions): void {
  if (typeof given !== 'object' || given === null) return
  const { signal, logger, reloadOptions } = given
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw fail('FT_ERR_OPTION', ['signal', signal, 'an AbortSignal'])
  if (reloadOptions !== undefined && typeof reloadOptions !== 'function')
    throw fail('FT_ERR_OPTION', ['reloadOptions', reloadOptions, 'a function that returns options'])
  const methods: Partial<Record<string, unknown>> = { ...LOG_METHODS, ...pick(logger) }
  if (logger !== undefined && Object.values(methods).some((method) => typeof method !== 'function'))
    throw fail('FT_ERR_OPTION', ['logger', logger, 'an object with debug, info, warn and error'])
}

const LOG_METHODS = { debug: undefined, info: undefined, warn: undefined, error: undefined }

function pick(logger: unknown): Record<string, unknown> {
  if (typeof logger !== 'object' || logger === null) return {}
  const { debug, info, warn, error } = logger as Record<string, unknown>
  return { debug, info, warn, error }
}

/** Before the schema has looked: what it would refuse is none. */
function pathsOf(envFile: unknown): readonly string[] {
  const result = schema.shape.envFile.safeParse(envFile)
  return (result.success ? result.data : undefined) ?? []
}

/** Node's own default for a thread knows nothing of the other threads. */
function limitsOf({
  resourceLimits,
  processes,
  threads,
}: z.output<typeof schema>): Settings['resourceLimits'] {
  const { memoryBytes } = measureMachine()
  const usualBytes = getHeapStatistics().heap_size_limit
  const most = processes.max * threads.max
  const given = resourceLimits ?? {}
  return { ...given, ...heapLimits(given, flagsOfNode(), most, memoryBytes, usualBytes) }
}

/** Keys and certificates by their paths are the short form of `tls`. */
function tlsOf(
  given: { readonly tls?: unknown },
  { tls, tlsKey, tlsCert }: z.output<typeof schema>,
): Settings['tls'] {
  if (tlsKey === undefined && tlsCert === undefined) return tls
  if (given.tls !== undefined || tlsKey === undefined) throw refusal('tlsCert', tlsCert)
  if (tlsKey.length !== tlsCert?.length) throw refusal('tlsKey', tlsKey)
  return tlsKey.map((key, index) => ({ key, cert: tlsCert[index] ?? '' }))
}

/** What is listed must be a listener, or a slip of the pen would open one to clients that say who they are. */
function checkProxied(
  given: { readonly listen?: unknown },
  { proxyProtocol }: z.output<typeof schema>,
  listen: Settings['listen'],
): void {
  if (!Array.isArray(proxyProtocol) || given.listen === undefined) return
  const listeners = listen.map((one) => parseAddress(one))
  for (const one of proxyProtocol) {
    const address = parseAddress(one)
    if (!listeners.some((listener) => isSamePlace(listener, address)))
      throw refusal('proxyProtocol', proxyProtocol)
  }
}

/** Node refuses headers that may take longer than their request; only who asked for that is told so. */
function headersTimeoutOf(
  given: { readonly headersTimeout?: unknown },
  { headersTimeout, requestTimeout }: z.output<typeof schema>,
): number {
  if (requestTimeout === 0 || headersTimeout <= requestTimeout) return headersTimeout
  if (given.headersTimeout === undefined) return requestTimeout
  throw refusal('headersTimeout', headersTimeout)
}

/**
 * Checks the options that a reload brings.
 * @throws what `parseOptions` throws, and FT_ERR_OPTION_FIXED for a change that a running pool can't take up
 */
export function parseReload(current: Settings, given: unknown): Settings {
  const next = parseOptions(given)
  for (const name of optionNames) {
    if (metaOf(name).fixed !== true || isDeepStrictEqual(next[name], current[name])) continue
    throw fail('FT_ERR_OPTION_FIXED', [name, current[name], next[name]])
  }
  return next
}

const sizesSchema = z.partial(z.pick(schema, { processes: true, threads: true, spares: true }))

/** Only what was given. @throws FT_ERR_OPTION, FT_ERR_OPTION_UNKNOWN */
export function parseSizes(given: PoolSizes): Partial<Pick<Settings, keyof PoolSizes>> {
  const { processes, threads, spares } = given
  const result = sizesSchema.safeParse(given)
  if (!result.success) throw explain(given, result.error)
  // A default must not undo what the pool has now.
  return {
    ...(processes === undefined ? {} : { processes: result.data.processes }),
    ...(threads === undefined ? {} : { threads: result.data.threads }),
    ...(spares === undefined ? {} : { spares: result.data.spares }),
  } as Partial<Pick<Settings, keyof PoolSizes>>
}

function explain(given: object, error: z.core.$ZodError): Error {
  const issue = error.issues[0]
  if (issue?.code === 'unrecognized_keys' && issue.path.length === 0)
    return fail('FT_ERR_OPTION_UNKNOWN', [issue.keys[0] ?? '', optionNames])
  const name = issue?.path[0] as OptionName
  const value = (given as Record<string, unknown>)[name]
  if (name === 'listen') return refusal(name, mapEach(value, listenerWithoutSecrets))
  return refusal(name, name === 'tls' ? withoutSecrets(value) : value)
}

function mapEach(value: unknown, change: (one: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : change(value)
}

function listenerWithoutSecrets(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('address' in value))
    return withoutSecrets(value)
  const { address, ...rest } = value
  const { tls } = rest as { readonly tls?: unknown }
  const shown = typeof tls === 'object' ? { tls: withoutSecrets(tls) } : {}
  return { address, ...(withoutSecrets(rest) as object), ...shown }
}

/** An error goes into logs, and a private key must not. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.keys(value).map((name) => [name, '…']))
}

function refusal(name: OptionName, value: unknown): Error {
  return fail('FT_ERR_OPTION', [name, value, metaOf(name).allowed])
}

function resolveHandler(handler: string | URL): string {
  const isUrl = handler instanceof URL || handler.startsWith('file:')
  const path = isUrl ? pathOf(handler) : fromStartFolder(handler)
  if (!isFile(path)) throw fail('FT_ERR_HANDLER_NOT_FOUND', [path])
  // A URL keeps its query, with which a user may tell variants of one module apart.
  return isUrl ? String(handler) : pathToFileURL(path).href
}

function pathOf(url: string | URL): string {
  try {
    return fileURLToPath(url)
  } catch {
    // Another scheme, another host, or a slash in disguise.
    throw refusal('handler', String(url))
  }
}

/** A folder can't be imported. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
