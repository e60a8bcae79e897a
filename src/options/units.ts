import * as z from 'zod'

const MS_OF: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const POWER_OF: Readonly<Record<string, number>> = { K: 1, M: 2, G: 3, T: 4 }

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)$/
/** `64M`, `64MB` and `64MiB` are the same: what memory is sold in. */
const SIZE = /^(\d+(?:\.\d+)?)\s*([KMGT])(?:i?B)?$/i

const LONGEST_MS = 2 ** 31 - 1

/** Milliseconds as a number, or as text with a unit: `500ms`, `10s`, `5m`, `1h`, `1d`. */
export function duration(leastMs: number) {
  const ms = z.int().min(leastMs).max(LONGEST_MS)
  const text = z.string().regex(DURATION).transform(parseDuration).pipe(ms)
  return z.union([ms, text])
}

/** Bytes as a number, or as text with a unit: `512K`, `64M`, `2G`, each 1024 times the one before. */
export function size() {
  const bytes = z.int().min(0)
  return z.union([bytes, z.string().regex(SIZE).transform(parseSize).pipe(bytes)])
}

/** MiB as a number, or as text with a unit. */
export function mebibytes() {
  const number = z.number().positive()
  const text = z
    .string()
    .regex(SIZE)
    .transform((given) => parseSize(given) / 2 ** 20)
    .pipe(number)
  return z.union([number, text])
}

function parseDuration(text: string): number {
  const [, number, unit = 'ms'] = DURATION.exec(text) ?? []
  return Math.round(Number(number) * (MS_OF[unit] ?? Number.NaN))
}

function parseSize(text: string): number {
  const [, number, unit = ''] = SIZE.exec(text) ?? []
  return Math.round(Number(number) * 1024 ** (POWER_OF[unit.toUpperCase()] ?? Number.NaN))
}
