import { readFileSync } from 'node:fs'
import { processTree } from './process-tree.js'

/**
 * PSS of a process and all its descendants, in bytes: pages that several processes share count once, in equal parts.
 * So it is the one figure by which a tree of processes and one process with threads can be compared.
 * NaN where the kernel does not tell (Linux before 4.14, someone else's process).
 */
export function proportionalBytes(rootPid: number): number {
  return processTree(rootPid).reduce((sum, { pid }) => sum + ofProcess(pid), 0)
}

function ofProcess(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1]) * 1024
  } catch (error) {
    // It ended since the tree was read, and holds nothing any more.
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ESRCH' ? 0 : Number.NaN
  }
}
