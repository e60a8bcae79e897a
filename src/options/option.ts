import * as z from 'zod'
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

export function option<T extends z.ZodType>(schema: T, meta: OptionMeta): T {
  return schema.meta({ ...meta })
}

export const milliseconds = duration(0)
export const patience = duration(1)
export const MS =
  'a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d'
export const PATIENCE = MS.replace('0 (never)', '1')
export const BYTES = 'a whole number of bytes, 0 for never, or a text with a unit: 512K, 64M, 2G'

/** As `chmod` takes it: a number, or its octal digits as text. */
export function octal(limit: number) {
  return z.union([
    z.int().min(0).max(limit),
    z
      .string()
      .regex(/^(0o)?[0-7]{1,4}$/)
      .transform((text) => Number.parseInt(text.replace('0o', ''), 8))
      .pipe(z.int().max(limit)),
  ])
}

export const account = z.union([
  z
    .int()
    .min(0)
    .max(2 ** 32 - 2),
  z.string().regex(/^[^\s:]+$/),
])
export const ACCOUNT = 'a name or a number from 0 to 4294967294'
