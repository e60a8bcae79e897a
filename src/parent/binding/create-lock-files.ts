import { closeSync, existsSync } from 'node:fs'
import type { Identity } from '../../shared/terms.js'
import { createSharedMemory } from '../../sys/memory.js'
import type { LockFiles, Mechanism } from './lock-files.js'
import { LockFolder } from './lock-folder.js'

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
