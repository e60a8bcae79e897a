import { readdirSync, readFileSync } from 'node:fs'
import type { CpuMeasure } from '../../shared/measures.js'

/** Linux counts CPU time for user space in hundredths of a second (USER_HZ), on every architecture. */
const MS_PER_TICK = 10
const KIB = 1024

export interface ProcessUsage {
  readonly cpuMs: number
  readonly rssBytes: number
}

/** Of the CPU time: what is its own, and what the children had that it has waited for. */
export interface CpuTimes {
  readonly userMs: number
  readonly systemMs: number
  readonly childrenUserMs: number
  readonly childrenSystemMs: number
}

/** CPU time and resident memory of a process; zeros where there is no /proc, or the process has gone. */
export function processUsage(pid: number): ProcessUsage {
  try {
    const { userMs, systemMs } = cpuTimes(pid)
    const resident = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return { cpuMs: userMs + systemMs, rssBytes: Number(resident?.[1] ?? 0) * KIB }
  } catch {
    return { cpuMs: 0, rssBytes: 0 }
  }
}

/** @throws where there is no /proc, or the process has gone */
export function cpuTimes(pid: number): CpuTimes {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is the command in parentheses and may hold anything; the rest follows the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields
    .slice(11, 15)
    .map((ticks) => Number(ticks) * MS_PER_TICK)
  return {
    userMs: user,
    systemMs: system,
    childrenUserMs: childrenUser,
    childrenSystemMs: childrenSystem,
  }
}

/** Of this process and those of its children that run, and of those that have ended. Zeros where there is no /proc. */
export function cpuOf(children: readonly { readonly pid: number }[]): CpuMeasure {
  const sum = { userMs: 0, systemMs: 0, endedUserMs: 0, endedSystemMs: 0 }
  for (const pid of [process.pid, ...children.map((child) => child.pid)]) {
    try {
      const { userMs, systemMs, childrenUserMs, childrenSystemMs } = cpuTimes(pid)
      sum.userMs += userMs
      sum.systemMs += systemMs
      sum.endedUserMs += childrenUserMs
      sum.endedSystemMs += childrenSystemMs
    } catch {
      // It has just gone.
    }
  }
  return sum
}

/** Open descriptors of a process, and how many it may have; `undefined` what can't be read, such as of another user's process. */
export function descriptorsOf(pid: number): { open: number | undefined; max: number | undefined } {
  return {
    open: tried(() => readdirSync(`/proc/${pid}/fd`).length),
    max: tried(() => {
      const limits = readFileSync(`/proc/${pid}/limits`, 'latin1')
      const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
      return soft === undefined ? undefined : Number(soft)
    }),
  }
}

/** What the cgroup of this process uses and may use; `undefined` where there is no limit, or no cgroup. */
export function cgroupMemory(): { usedBytes: number; limitBytes: number } | undefined {
  return tried(() => {
    const groups = readFileSync('/proc/self/cgroup', 'latin1')
    const [, unified] = /^0::(.*)$/m.exec(groups) ?? []
    const [, old] = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups) ?? []
    // In a container the path of the group is often seen from outside, and its files lie at the top.
    const places = [
      ...(unified === undefined ? [] : [`/sys/fs/cgroup${unified}`]),
      '/sys/fs/cgroup',
      ...(old === undefined ? [] : [`/sys/fs/cgroup/memory${old}`]),
      '/sys/fs/cgroup/memory',
    ]
    for (const place of places)
      for (const [used, limit] of [
        ['memory.current', 'memory.max'],
        ['memory.usage_in_bytes', 'memory.limit_in_bytes'],
      ]) {
        const limitBytes = tried(() => Number(readFileSync(`${place}/${limit}`, 'latin1')))
        // `max`, or in the old groups a number beyond all memory.
        if (limitBytes === undefined || !(limitBytes < Number.MAX_SAFE_INTEGER)) continue
        return { usedBytes: Number(readFileSync(`${place}/${used}`, 'latin1')), limitBytes }
      }
    return undefined
  })
}

function tried<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
