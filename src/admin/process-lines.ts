import type { ProcessStats } from '../shared/stats.js'
import { age, bytes, plural, short } from './in-words.js'
import type { Line } from './terminal-line.js'

/** What the letters of threads mean. */
export const LETTERS = [
  ['S', 'starting'],
  ['_', 'idle'],
  ['R', 'reading'],
  ['W', 'writing'],
  ['K', 'keep-alive'],
  ['C', 'closing'],
  ['G', 'finishing'],
] as const

/** A line for each process, or several on a line: the most telling form that has room. */
export function processLines(
  processes: readonly ProcessStats[],
  rows: number,
  columns: number,
): Line[] {
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

function lettersOf({ threads }: ProcessStats): string {
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
