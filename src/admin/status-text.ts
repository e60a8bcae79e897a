import kleur from 'kleur'
import type { ProcessStats, Stats } from '../shared/stats.js'

const MIB = 2 ** 20

/** `stats()` for people: the pool in three lines, then a line for each process with its thread letters. */
export function statusText(stats: Stats): string {
  const { totals, threads, processes, lastDecision } = stats
  const listeners = stats.listeners.map(
    ({ address, backlog }) => `${address} (${backlog.length} of ${backlog.limit} waiting)`,
  )
  const rows = processes.map(row)
  return `${[
    `${kleur.bold(`forkthread ${stats.pid}`)}, generation ${stats.generation}, up ${duration(stats.uptimeMs)}, ${listeners.join(', ')}`,
    `${totals.requests} requests on ${totals.connections} connections, ${totals.errors} errors, deaths: ${totals.childDeaths} of processes, ${totals.threadDeaths} of threads`,
    `threads: ${threads.idle} idle, ${threads.busy} busy, ${threads.starting} starting, at most ${threads.max}; last: ${lastDecision.action} (${lastDecision.reason})`,
    '',
    ...table([['PID', 'STATE', 'AGE', 'CPU', 'MEMORY', 'REQUESTS', 'THREADS'], ...rows]),
    kleur.dim('S starting  _ idle  R reading  W writing  K keep-alive  C closing  G finishing'),
  ].join('\n')}\n`
}

function row(process: ProcessStats): string[] {
  const requests = process.threads.reduce((sum, thread) => sum + thread.requests, 0)
  return [
    String(process.pid),
    process.state,
    duration(process.ageMs),
    duration(process.cpuMs),
    `${Math.round(process.rssBytes / MIB)} MiB`,
    String(requests),
    process.threads.map(({ state }) => state).join(''),
  ]
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 2 h` */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 24
    ? `${hours} h ${minutes % 60} min`
    : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
