import * as z from 'zod/mini'
import { form, number, whole } from './kinds.js'
import { duration } from './units.js'

/** What an option carries beside its schema: what is allowed in words (for errors), what it means (for help), and how it is written on the command line. */
export interface OptionMeta {
  /** "processes: 0 was given; allowed is …" */
  readonly allowed: string
  readonly meaning: string
  /** The placeholder of its value in `--help`; none for options that only the API has. */
  readonly placeholder?: string
  /** The command line may give it several times. */
  readonly repeatable?: boolean
  /** There is no flag for it. */
  readonly isApiOnly?: boolean
  /** It is settled when the pool starts, so a reload can't change it. */
  readonly fixed?: boolean
}

/** What each option of the schema carries. */
export const optionMetas = z.registry<OptionMeta>()

/** The schema must be no other option's. */
export function option<T extends z.ZodMiniType>(schema: T, meta: OptionMeta): T {
  optionMetas.add(schema, meta)
  return schema
}

export const milliseconds = duration(0)
export const patience = duration(1)
export const MS =
  'a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d'
export const PATIENCE = MS.replace('0 (never)', '1')
export const BYTES = 'a whole number of bytes, 0 for never, or a text with a unit: 512K, 64M, 2G'

/** As `chmod` takes it: a number, or its octal digits as text. */
export function octal(limit: number) {
  const digits = /^(0o)?[0-7]{1,4}$/
  return number(whole(0, limit), digits, (text) => Number.parseInt(text.replace('0o', ''), 8))
}

export const account = z.union([whole(0, 2 ** 32 - 2), form(/^[^\s:]+$/)])
export const ACCOUNT = 'a name or a number from 0 to 4294967294'
