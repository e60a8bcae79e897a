import { readFileSync } from 'node:fs'
import { processTree } from './process-tree.js'

/**
 * What a process and all its descendants hold of their own, and the largest of their files counted once, in bytes. Unlike PSS it is the same
 * whoever else has Node's pages mapped, so servers that run beside each other can be compared.
 */
export function treeBytes(rootPid: number): number {
  const all = processTree(rootPid).map(({ pid }) => ofProcess(pid))
  return all.reduce((sum, { own }) => sum + own, 0) + Math.max(...all.map(({ files }) => files))
}

/** Of one process alone. */
export const ownBytes = (pid: number): number => ofProcess(pid).own

function ofProcess(pid: number): { readonly own: number; readonly files: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024
  const own = field('Pss_Anon') + field('Pss_Shmem')
  return { own, files: field('Rss') - field('Anonymous') - field('Pss_Shmem') }
}
