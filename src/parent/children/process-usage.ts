import { readFileSync } from 'node:fs'

/** Linux counts CPU time for user space in hundredths of a second (USER_HZ), on every architecture. */
const MS_PER_TICK = 10
const KIB = 1024

/** CPU time and resident memory of a process; zeros where there is no /proc, or the process has gone. */
export function processUsage(pid: number): { cpuMs: number; rssBytes: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the command in parentheses and may hold anything; the rest follows the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [user = 0, system = 0] = fields.slice(11, 13).map(Number)
    const resident = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return { cpuMs: (user + system) * MS_PER_TICK, rssBytes: Number(resident?.[1] ?? 0) * KIB }
  } catch {
    return { cpuMs: 0, rssBytes: 0 }
  }
}
