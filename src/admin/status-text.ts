import type { ProcessStats } from '../shared/stats.js'
import { age, bytes, percent, plural, short, span } from './in-words.js'
import type { PageData } from './page-data.js'
import { fit, type Line, type Look } from './terminal-line.js'

/** How many lines and columns there are. */
export interface Size {
  readonly rows: number
  readonly columns: number
}

/** What a terminal has where nobody says; the last row is the prompt's. */
export const USUAL_SIZE: Size = { rows: 23, columns: 80 }

const MOST_LISTENERS = 3

export const LETTERS = [
  ['S', 'starting'],
  ['_', 'idle'],
  ['R', 'reading'],
  ['W', 'writing'],
  ['K', 'keep-alive'],
  ['C', 'closing'],
  ['G', 'finishing'],
] as const

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

/** The most telling form that has room. */
function processLines(processes: readonly ProcessStats[], rows: number, columns: number): Line[] {
  const rowsOfTable = table(processes)
  const isTable = rowsOfTable.length <= rows && rowsOfTable.every((row) => row.length <= columns)
  if (isTable)
    return rowsOfTable.map((text, index) => (index === 0 ? [{ text, look: 'strong' }] : [text]))
  const forms = [packed(processes, lettersOf, columns), packed(processes, countsOf, columns)]
  const lines = forms.find((form) => form.length <= rows) ?? forms[1] ?? []
  if (lines.length <= rows) return lines.map((line) => [line.text])
  const shown = lines.slice(0, rows - 1)
  const left = processes.length - shown.reduce((sum, { count }) => sum + count, 0)
  return [...shown.map((line): Line => [line.text]), [`and ${plural(left, 'process')} more`]]
}

function table(processes: readonly ProcessStats[]): string[] {
  const head = ['#', 'PID', 'STATE', 'AGE', 'CPU', 'MEMORY', 'REQUESTS', 'THREADS']
  const rows = [head, ...processes.map(cellsOf)]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const isText = (column: number): boolean => column === 2 || column === head.length - 1
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return isText(column) ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

function cellsOf(process: ProcessStats): string[] {
  const requests = process.threads.reduce((sum, thread) => sum + thread.requests, 0)
  return [
    ...[String(process.slot), String(process.pid), process.state, age(process.ageMs)],
    ...[age(process.cpuMs), bytes(process.rssBytes), short(requests), lettersOf(process)],
  ]
}

export function lettersOf({ threads }: ProcessStats): string {
  return threads.map(({ state }) => state).join('')
}

/** `20W 12_` */
function countsOf({ threads }: ProcessStats): string {
  const counts = new Map<string, number>()
  for (const { state } of threads) counts.set(state, (counts.get(state) ?? 0) + 1)
  return [...counts].map(([state, count]) => `${count}${state}`).join(' ')
}

/** Several processes on a line, in columns. */
function packed(
  processes: readonly ProcessStats[],
  threadsOf: (process: ProcessStats) => string,
  columns: number,
): { readonly text: string; readonly count: number }[] {
  const cells = processes.map((process) => {
    const mark = process.state === 'ready' ? '' : ` ${process.state}`
    return `${String(process.slot).padStart(2)} ${threadsOf(process)}${mark}`
  })
  const width = Math.max(0, ...cells.map((cell) => cell.length)) + 3
  const perLine = Math.max(Math.floor((columns + 3) / width), 1)
  const lines: { text: string; count: number }[] = []
  for (let at = 0; at < cells.length; at += perLine) {
    const part = cells.slice(at, at + perLine)
    const text = part.map((cell) => cell.padEnd(width)).join('')
    lines.push({ text: text.trimEnd(), count: part.length })
  }
  return lines
}
