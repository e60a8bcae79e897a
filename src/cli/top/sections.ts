import { age, percent, plural } from '../../admin/in-words.js'
import type { PageData } from '../../admin/page-data.js'
import type { Line, Look } from '../../admin/terminal-line.js'
import type { PoolEvent } from '../../shared/stats.js'

const LATE_MS = 1000

/** What stands below the scoreboard under a title of its own. */
export interface Section {
  readonly title: string
  /** The most important one first. */
  readonly lines: readonly Line[]
}

/** What runs longest at present. */
export function runningSection({ running }: PageData): Section {
  const lines = running.map(({ process, thread, request, inFlight, busyMs }): Line => {
    const more = inFlight > 1 ? ` (and ${inFlight - 1} more in flight)` : ''
    return [
      { text: age(busyMs).padStart(8), look: busyMs > LATE_MS ? 'bad' : 'strong' },
      { text: `  ${process}.${thread}`.padEnd(8), look: 'dim' },
      request === '' ? { text: 'a connection', look: 'dim' } : request,
      { text: more, look: 'dim' },
    ]
  })
  return { title: 'Longest running now', lines }
}

/** Routes that have blocked threads, and where in the code. */
export function slowSection({ slow }: PageData): Section {
  const lines = slow.routes.map(({ route, count, blockedMs, frames }): Line => {
    const [top] = frames
    const where = top === undefined ? '' : `  ${percent(top.share)} ${shortFrame(top.frame)}`
    return [
      { text: age(blockedMs).padStart(8), look: 'warn' },
      { text: `  ${count}×`.padEnd(8), look: 'dim' },
      route,
      { text: where, look: 'dim' },
    ]
  })
  return { title: `Has blocked threads for over ${slow.slowThreshold}ms`, lines }
}

/** What tells most of a long path is its end: `render (app/report.js:12:5)`. */
function shortFrame(frame: string): string {
  return frame.replace(/(?:file:\/\/)?\/\S*\/([^/\s]+\/[^/\s]+)$/, '$1')
}

const KINDS: Readonly<Record<PoolEvent['kind'], Look>> = {
  decision: 'dim',
  reload: 'one',
  death: 'bad',
  error: 'bad',
}

/** What has happened last. */
export function recentSection({ events, stats }: PageData): Section {
  const lines = [...events].reverse().map(({ at, kind, text }): Line => {
    const time = new Date(at).toTimeString().slice(0, 8)
    return [
      { text: ` ${time}`, look: 'dim' },
      { text: `  ${kind.padEnd(9)}`, look: KINDS[kind] },
      text,
    ]
  })
  const { childDeaths, threadDeaths, reloads } = stats.totals
  const deaths = childDeaths + threadDeaths
  const counts = [
    ...(deaths > 0 ? [plural(deaths, 'death')] : []),
    ...(reloads > 0 ? [plural(reloads, 'reload')] : []),
  ]
  return { title: ['Recently', ...counts].join(', '), lines }
}

/**
 * How many of the wanted lines each gets of `room`: those before take first what makes them worth a title, and then all get one more in
 * turn. A section costs `cost` lines more than its own.
 */
export function shareRows(room: number, wanted: readonly number[], cost: number): number[] {
  const given = wanted.map(() => 0)
  let left = room
  for (const [index, want] of wanted.entries()) {
    if (want === 0 || left < cost + 1) continue
    given[index] = 1
    left -= cost + 1
  }
  let isSharing = true
  while (left > 0 && isSharing) {
    isSharing = false
    for (const [index, want] of wanted.entries()) {
      const has = given[index] ?? 0
      if (has === 0 || has >= want || left === 0) continue
      given[index] = has + 1
      left--
      isSharing = true
    }
  }
  return given
}
