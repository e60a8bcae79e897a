import { closeSync, existsSync } from 'node:fs'
import type { Identity } from '../../shared/terms.js'
import { createSharedMemory } from '../../sys/memory.js'
import { LockFolder } from './lock-folder.js'

export type Mechanism = 'flock' | 'fcntl' | 'none'

/**
 * The files of the accept mutex. Each child opens them anew, since a lock belongs to the open file description, which an inherited
 * descriptor would share.
 */
export interface LockFiles {
  /** Files in memory, without a name in the file system, so that nobody can remove them: children inherit them, and open them through /proc. */
  readonly descriptors: readonly number[]
  /** Files with a name, where the system knows no other way (macOS). */
  readonly paths: readonly string[]
  /** The folder of the latter. */
  readonly folder: string | undefined
  remove(): void
}

const none: LockFiles = { descriptors: [], paths: [], folder: undefined, remove: () => undefined }

/**
 * One file for each permit with `flock`, one in all with `fcntl`, none without a mutex: then nothing is asked of the file system.
 * @throws FT_ERR_LOCK_FOLDER, FT_ERR_SYSTEM
 */
export function createLockFiles(
  mechanism: Mechanism,
  permits: number,
  identity: Identity | undefined,
): LockFiles {
  if (mechanism === 'none') return none
  const count = mechanism === 'fcntl' ? 1 : permits
  return canReopen() ? inMemory(count) : new LockFolder(count, identity)
}

/** Whether a descriptor can be opened once more as a file of its own. */
function canReopen(): boolean {
  return process.platform === 'linux' && existsSync('/proc/self/fd')
}

function inMemory(count: number): LockFiles {
  const descriptors: number[] = []
  const remove = (): void => {
    for (const fd of descriptors) closeSync(fd)
  }
  try {
    for (let permit = 0; permit < count; permit++)
      descriptors.push(createSharedMemory(`forkthread-accept-${permit}.lock`, 1))
  } catch (error) {
    remove()
    throw error
  }
  return { descriptors, paths: [], folder: undefined, remove }
}
