import type { ProcessStats } from '../shared/stats.js'
import { age, bytes, percent, plural, short, span } from './in-words.js'
import type { PageData } from './page-data.js'
import { LETTERS, processLines } from './process-lines.js'
import { fit, type Line, type Look } from './terminal-line.js'

/** How many lines and columns there are. */
export interface Size {
  readonly rows: number
  readonly columns: number
}

/** What a terminal has where nobody says; the last row is the prompt's. */
export const USUAL_SIZE: Size = { rows: 23, columns: 80 }

const MOST_LISTENERS = 3

/**
 * How a pool does, for people, on one screen: the pool in a few lines, then a line for each process with its thread letters, or, where those
 * are too many, several processes on a line.
 */
export function statusText(data: PageData, size: Size): readonly Line[] {
  const head = headOf(data)
  const legend: Line = [{ text: LETTERS.map(([at, it]) => `${at} ${it}`).join('  '), look: 'dim' }]
  const room = Math.max(size.rows - head.length - 2, 1)
  const lines = [...head, [], ...processLines(data.stats.processes, room, size.columns), legend]
  return lines.map((line) => fit(line, size.columns))
}

const HEALTH: Readonly<Record<PageData['health']['level'], Look>> = {
  good: 'good',
  warn: 'warn',
  bad: 'bad',
}

function headOf({ stats, health, running, ranges, now }: PageData): Line[] {
  const { totals, duration, queueTime, lastDecision, threads } = stats
  const { processes: range } = ranges
  const limits = range.min === range.max ? '' : ` (${range.min} to ${range.max})`
  const starting = threads.starting > 0 ? `, ${threads.starting} starting` : ''
  const rates = [
    `${short(stats.requestsPerSecond)}/s, p50 ${span(duration.p50Ms)}, p99 ${span(duration.p99Ms)}`,
    `queue p50 ${span(queueTime.p50Ms)}, p99 ${span(queueTime.p99Ms)}`,
    `busy ${percent(stats.busyShare)}`,
  ]
  const counts = [
    plural(totals.requests, 'request'),
    plural(totals.connections, 'connection'),
    plural(totals.errors, 'error'),
    `${totals.refused} refused`,
  ]
  const deaths = `${plural(totals.childDeaths, 'process')}, ${plural(totals.threadDeaths, 'thread')}`
  const [slowest] = running
  const about: (readonly [string, string])[] = [
    ...listenersOf(stats.listeners).map((text): [string, string] => ['listens on', text]),
    ['requests', rates.join('; ')],
    ['in all', counts.join(', ')],
    ['deaths', `${deaths}; ${plural(totals.reloads, 'reload')}`],
    ['processes', `${stats.processes.length}${limits}, ${bytes(memoryOf(stats.processes))} in all`],
    ['threads', `${threads.idle} idle, ${threads.busy} busy${starting}, at most ${threads.max}`],
    ['last', `${age(now - lastDecision.at)} ago ${lastDecision.action} (${lastDecision.reason})`],
  ]
  if (slowest !== undefined) {
    const what = slowest.request === '' ? 'a connection' : slowest.request
    const where = `${slowest.process}.${slowest.thread}`
    about.push(['longest now', `${age(slowest.busyMs)} in thread ${where}: ${what}`])
  }
  const who = `generation ${stats.generation}, up ${age(stats.uptimeMs)}`
  return [
    [{ text: `forkthread ${stats.pid}`, look: 'strong' }, `, ${who}`],
    [{ text: health.text, look: HEALTH[health.level] }],
    [],
    ...about.map(([name, text]): Line => [{ text: name.padEnd(13), look: 'dim' }, text]),
  ]
}

function listenersOf(listeners: PageData['stats']['listeners']): string[] {
  const all = listeners.map(
    ({ address, backlog }) => `${address} (${backlog.length} of ${backlog.limit} waiting)`,
  )
  if (all.length <= MOST_LISTENERS) return all
  const rest = listeners.slice(MOST_LISTENERS - 1)
  const waiting = rest.reduce((sum, { backlog }) => sum + backlog.length, 0)
  return [
    ...all.slice(0, MOST_LISTENERS - 1),
    `${rest.length} more addresses (${waiting} waiting in all)`,
  ]
}

function memoryOf(processes: readonly ProcessStats[]): number {
  return processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0)
}
