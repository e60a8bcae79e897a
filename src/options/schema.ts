import * as z from 'zod'
import { connectionOptions, overloadOptions } from './connection-options.js'
import { lifecycleOptions } from './lifecycle-options.js'
import { listeningOptions, servedOptions } from './listener-options.js'
import type { OptionMeta } from './option.js'
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
  return schema.shape[name].meta() as unknown as OptionMeta
}
