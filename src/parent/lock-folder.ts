import { closeSync, mkdtempSync, openSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ForkthreadError, fail } from '../errors.js'

/** `f_type` of file systems whose locks go over a network or to another process (statfs(2), linux/magic.h). */
const remoteFileSystems = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB 2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01021997, '9P'],
])

/** A private folder (mode 0700) with the lock files of the accept mutex (mode 0600): `accept.lock`, `accept-1.lock` … */
export class LockFolder {
  readonly path: string
  /** One per permit with `flock`, one in all with `fcntl`, none without a mutex. */
  readonly files: readonly string[]

  /** @throws FT_ERR_LOCK_FOLDER when the folder for temporary files is on a network, FT_ERR_SYSTEM when it can't be used */
  constructor(mechanism: 'flock' | 'fcntl' | 'none', permits: number) {
    const count = mechanism === 'none' ? 0 : mechanism === 'fcntl' ? 1 : permits
    this.path = makeFolder(tmpdir(), count > 0)
    this.files = Array.from({ length: count }, (_, permit) =>
      join(this.path, permit === 0 ? 'accept.lock' : `accept-${permit}.lock`),
    )
    for (const file of this.files) closeSync(openSync(file, 'wx', 0o600))
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

function makeFolder(parent: string, isForLocks: boolean): string {
  try {
    if (isForLocks) refuseRemote(parent)
    return mkdtempSync(join(parent, 'forkthread-'))
  } catch (error) {
    if (error instanceof ForkthreadError) throw error
    const { code = '?', syscall = 'mkdtemp' } = error as NodeJS.ErrnoException
    const where = `${parent}, the folder for temporary files; TMPDIR names another`
    throw fail('FT_ERR_SYSTEM', [syscall, code, where], error)
  }
}

export function refuseRemote(folder: string): void {
  const name = remoteFileSystems.get(statfsSync(folder).type)
  if (name !== undefined) throw fail('FT_ERR_LOCK_FOLDER', [folder, name])
}
