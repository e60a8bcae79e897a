import { closeSync, openSync, readSync } from 'node:fs'

/** Of the thread that reads it: its CPU time and its time in a run queue, in ns, and the number of its time slices. */
const SCHEDSTAT = '/proc/thread-self/schedstat'

/**
 * For how long, in µs since its start, the calling thread could have run but others had the cores. `undefined` where the system
 * does not tell (other systems than Linux, and kernels without CONFIG_SCHED_INFO).
 */
export function runDelayUs(): number | undefined {
  try {
    const fd = openSync(SCHEDSTAT, 'r')
    try {
      const text = Buffer.allocUnsafe(80)
      const length = readSync(fd, text, 0, text.length, 0)
      const ns = Number(text.toString('latin1', 0, length).split(' ')[1])
      return Number.isNaN(ns) ? undefined : ns / 1000
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}
