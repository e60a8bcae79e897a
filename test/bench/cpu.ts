import { readdirSync, readFileSync } from 'node:fs'
import { type ProcessStat, processTree } from './process-tree.js'

// Two clocks of the kernel count the same time (sum_exec_runtime of a thread), each with one fault:
//
//   /proc/PID/task/TID/schedstat   in ns, but only of threads that live at the time of reading
//   /proc/PID/stat, utime + stime  loses nobody (ended threads stay in the process, reaped children in
//                                  their parent), but is cut down to ticks of 10 ms, twice per process
//
// Even with tick-based accounting (CONFIG_TICK_CPU_ACCOUNTING) ticks only decide how the time is divided
// into user and system; their sum is the exact run time (kernel/sched/cputime.c, cputime_adjust). So the
// ns clock is the figure, and the tick clock proves that nothing is missing from it: when a thread or
// process ended between the two readings, the ticks say more than the ns and are taken instead.
//
// Not counted by either: what the kernel does for a connection in the time of another process (loopback
// delivers a packet in the sender's time, that is partly the client's). It is the same for every server.
const TICK_US = 10_000

export interface CpuReading {
  readonly processes: readonly ProcessStat[]
  /** Run time in µs by `pid/tid`. */
  readonly threads: ReadonlyMap<string, number>
}

export interface CpuUse {
  readonly us: number
  /** `ticks`: something ended in between and the figure is rounded to 10 ms per process. */
  readonly clock: 'ns' | 'ticks'
}

/**
 * Run time so far of a process and all its descendants. Take it while the tree is quiet. Throws when the root
 * has ended: what it used can't be known any more.
 */
export function readCpu(rootPid: number): CpuReading {
  const processes = processTree(rootPid)
  if (processes.length === 0) throw new Error(`pid ${rootPid} has ended while it was measured`)
  const threads = new Map<string, number>()
  for (const { pid } of processes) {
    for (const tid of threadIds(pid)) {
      const us = readThreadUs(pid, tid)
      if (us !== undefined) threads.set(`${pid}/${tid}`, us)
    }
  }
  return { processes, threads }
}

/** What the tree used between two readings. */
export function cpuBetween(before: CpuReading, after: CpuReading): CpuUse {
  let exactUs = 0
  for (const [thread, us] of after.threads) exactUs += us - (before.threads.get(thread) ?? 0)
  const ticksUs = (totalTicks(after) - totalTicks(before)) * TICK_US
  // utime and stime are each rounded down at both readings: up to two ticks per process, either way.
  const roundingUs = 2 * TICK_US * after.processes.length
  const someEnded = [...before.threads.keys()].some((thread) => !after.threads.has(thread))
  return someEnded || ticksUs - exactUs > roundingUs
    ? { us: ticksUs, clock: 'ticks' }
    : { us: exactUs, clock: 'ns' }
}

// A child that ends moves from its own line to its parent's reaped ticks: the total goes on counting it.
const totalTicks = ({ processes }: CpuReading): number =>
  processes.reduce((sum, { ownTicks, reapedTicks }) => sum + ownTicks + reapedTicks, 0)

function threadIds(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // ended since the tree was read
  }
}

function readThreadUs(pid: number, tid: string): number | undefined {
  try {
    const [runNs] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')
    return Number(runNs) / 1000
  } catch {
    return undefined
  }
}
