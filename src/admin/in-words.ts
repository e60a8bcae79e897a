/** Figures for a terminal: each in at most six columns, so that tables stand straight. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const KIB = 2 ** 10
const MIB = 2 ** 20
const GIB = 2 ** 30

/** `34ms`, `1.2s`, `17s`, `5min`, `2.1h`, `4.2d`: never more than there is. */
export function age(ms: number): string {
  if (ms < SECOND) return `${Math.floor(ms)}ms`
  if (ms < 10 * SECOND) return `${tenths(ms / SECOND)}s`
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}min`
  if (ms < DAY) return `${tenths(ms / HOUR)}h`
  return ms < 100 * DAY ? `${tenths(ms / DAY)}d` : `${Math.floor(ms / DAY)}d`
}

/** As an age, but below ten ms a tenth counts. */
export function span(ms: number): string {
  return ms < 10 ? `${trimmed(ms)}ms` : age(ms)
}

/** `512K`, `82M`, `1.4G` */
export function bytes(count: number): string {
  if (count < MIB) return `${Math.round(count / KIB)}K`
  return count < GIB ? `${Math.round(count / MIB)}M` : `${tenths(count / GIB)}G`
}

/** `0.5`, `812`, `12.3k`, `4.1M` */
export function short(count: number): string {
  if (count < 10) return trimmed(count)
  if (count < 10_000) return String(Math.round(count))
  if (count < 1e6) return `${tenths(count / 1e3)}k`
  return count < 1e9 ? `${tenths(count / 1e6)}M` : `${tenths(count / 1e9)}G`
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

export function plural(count: number, word: string): string {
  if (count === 1) return `1 ${word}`
  return `${count} ${word}${word.endsWith('s') ? 'es' : 's'}`
}

function tenths(value: number): string {
  return (Math.floor(value * 10) / 10).toFixed(1)
}

function trimmed(value: number): string {
  return String(Math.round(value * 10) / 10)
}
