import { readdirSync, readFileSync } from 'node:fs'

/** One process as `/proc/PID/stat` shows it (Linux, proc(5)). */
export interface ProcessStat {
  readonly pid: number
  readonly parentPid: number
  /** Ticks since boot; with the pid it names a process for good, since pids are used again. */
  readonly startTicks: number
  /** utime + stime: of all threads, those that have ended included. */
  readonly ownTicks: number
  /** cutime + cstime: of children that ended and were reaped, and their reaped children. */
  readonly reapedTicks: number
}

/** The root and all its descendants that live now; empty when the root is gone. */
export function processTree(rootPid: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? [])
  const tree = all.filter((stat) => stat.pid === rootPid)
  // The array grows while it is walked: each level appends the next.
  for (const { pid } of tree) tree.push(...all.filter((stat) => stat.parentPid === pid))
  return tree
}

/** Undefined when there is no such process (any more). */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The command stands in brackets and may hold spaces and brackets itself: count from the last one.
  // Field N of proc(5) is at N - 3 from there.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (n: number): number => Number(fields[n - 3])
  return {
    pid,
    parentPid: field(4),
    startTicks: field(22),
    ownTicks: field(14) + field(15),
    reapedTicks: field(16) + field(17),
  }
}
