import type * as z from 'zod/mini'
import type { Logger } from '../shared/logger.js'
import type { DocumentedOptions } from './documented-options.js'
import type { OptionInput, schema } from './schema.js'
import type { TlsOption } from './tls-options.js'

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
export function plainOptions(given: PoolOptions): OptionInput {
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
