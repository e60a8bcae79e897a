import * as z from 'zod/mini'
import { number, whole } from './kinds.js'

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
  return number(whole(leastMs, LONGEST_MS), DURATION, parseDuration)
}

/** Bytes as a number, or as text with a unit: `512K`, `64M`, `2G`, each 1024 times the one before. */
export function size() {
  return number(whole(0), SIZE, parseSize)
}

/** MiB as a number, or as text with a unit. */
export function mebibytes() {
  return number(z.number().check(z.positive()), SIZE, (given) => parseSize(given) / 2 ** 20)
}

function parseDuration(text: string): number {
  const [, number, unit = 'ms'] = DURATION.exec(text) ?? []
  return Math.round(Number(number) * (MS_OF[unit] ?? Number.NaN))
}

function parseSize(text: string): number {
  const [, number, unit = ''] = SIZE.exec(text) ?? []
  return Math.round(Number(number) * 1024 ** (POWER_OF[unit.toUpperCase()] ?? Number.NaN))
}
