import * as z from 'zod'
import type { Logger } from '../shared/logger.js'
import { connectionOptions, overloadOptions } from './connection-options.js'
import type { DocumentedOptions } from './documented-options.js'
import { lifecycleOptions } from './lifecycle-options.js'
import { listeningOptions, servedOptions } from './listener-options.js'
import type { OptionMeta } from './option.js'
import { accountOptions, environmentOptions } from './process-options.js'
import { reportOptions, watcherOptions } from './report-options.js'
import { sizeOptions } from './size-options.js'
import type { TlsOption } from './tls-options.js'

/**
 * The one schema of every option: of the API, of configuration files and of the command line. `--help` and the pages show them in this order.
 */
export const schema = z.strictObject({
  ...servedOptions,
  ...sizeOptions,
  ...connectionOptions,
  ...lifecycleOptions,
  ...reportOptions,
  ...overloadOptions,
  ...watcherOptions,
  ...listeningOptions,
  ...accountOptions,
  ...environmentOptions,
})

/** What the schema takes. */
export type OptionInput = z.input<typeof schema>

/** What a user gives. */
export interface PoolOptions extends DocumentedOptions, OptionInput {
  /** Closes the pool when it aborts; during the start it makes the start fail. */
  readonly signal?: AbortSignal | undefined
  /** Gets a line for each thing that happens: pino's, or any with the same methods. */
  readonly logger?: Logger | undefined
  /** Asked for the options anew at each reload, as the command does with its configuration file. */
  readonly reloadOptions?: (() => PoolOptions | Promise<PoolOptions>) | undefined
}

/** What `pool.resize` takes. */
export type PoolSizes = Partial<Pick<PoolOptions, 'processes' | 'threads' | 'spares'>>

/** Without what is not in the schema. What is no object stays as it is, for the schema to refuse. */
export function plainOptions(given: PoolOptions): z.input<typeof schema> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  const { signal: _, reloadOptions: __, logger: ___, ...options } = given
  return options
}

/** Every option with its value. */
export type Settings = Readonly<Omit<z.output<typeof schema>, 'handler' | 'listen'>> & {
  /** A file URL. */
  readonly handler: string
  /** The addresses alone. */
  readonly listen: readonly (string | number)[]
  /** In their order; undefined for those that have what all have. */
  readonly ownTls: readonly (readonly TlsOption[] | undefined)[]
}

export type OptionName = keyof typeof schema.shape

export const optionNames = Object.keys(schema.shape) as readonly OptionName[]

export function metaOf(name: OptionName): OptionMeta {
  return schema.shape[name].meta() as unknown as OptionMeta
}
