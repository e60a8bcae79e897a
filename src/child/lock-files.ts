import { closeSync, openSync, rmSync } from 'node:fs'
import { fail } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'

/**
 * Opens the files of the accept mutex: anew, since a lock belongs to the open file description, and what is inherited shares that
 * of all other children. To be called before the child becomes another user: /proc/self is root's from then on.
 * @throws FT_ERR_SYSTEM
 */
export function openLockFiles({ lockDescriptors, lockFiles }: StartChild): readonly number[] {
  const inherited = lockDescriptors.map((fd) => `/proc/self/fd/${fd}`)
  const opened = [...inherited, ...lockFiles].map(open)
  for (const fd of lockDescriptors) closeSync(fd)
  return opened
}

function open(path: string): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    const { code = '?' } = error as NodeJS.ErrnoException
    throw fail('FT_ERR_SYSTEM', ['open', code, `${path}, as uid ${process.getuid?.()}`], error)
  }
}

/** Removes what a parent that died has left on disk; a living one does it itself. */
export function removeLeftovers({ lockFolder }: StartChild): void {
  if (process.connected || lockFolder === undefined) return
  try {
    rmSync(lockFolder, { recursive: true, force: true })
  } catch {
    // This user may not write in the folder for temporary files, and the parent could. Nothing better is left to do.
  }
}
