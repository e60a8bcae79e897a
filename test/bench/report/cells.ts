import type { Spread } from '../statistics.js'

export const number = (value: number | undefined, digits: number): string =>
  value !== undefined && Number.isFinite(value) ? value.toFixed(digits) : '-'

/** `median (min..max)`; one round has no range. */
export const range = (value: Spread | undefined, digits: number): string =>
  value === undefined ? '-' : between(value.median, value.min, value.max, digits)

/** The same with the range in which the true median lies, 95 % sure (below six rounds all of the range). */
export const sureRange = (value: Spread | undefined, digits: number): string =>
  value === undefined ? '-' : between(value.median, value.sure.from, value.sure.to, digits)

const between = (median: number, from: number, to: number, digits: number): string =>
  from === to
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${from.toFixed(digits)}..${to.toFixed(digits)})`
