import * as z from 'zod/mini'
import { connectionOptions, overloadOptions } from './connection-options.js'
import { lifecycleOptions } from './lifecycle-options.js'
import { listeningOptions, servedOptions } from './listener-options.js'
import { type OptionMeta, optionMetas } from './option.js'
import { accountOptions, environmentOptions } from './process-options.js'
import { reportOptions, watcherOptions } from './report-options.js'
import { sizeOptions } from './size-options.js'

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

export type OptionName = keyof typeof schema.shape

export const optionNames = Object.keys(schema.shape) as readonly OptionName[]

export function metaOf(name: OptionName): OptionMeta {
  const meta = optionMetas.get(schema.shape[name])
  if (meta === undefined) throw new Error(`unreachable: ${name} is an option`)
  return meta
}
