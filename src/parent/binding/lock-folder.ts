import {
  closeSync,
  fchownSync,
  constants as fsConstants,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  statfsSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { ForkthreadError, fail } from '../../shared/errors.js'
import type { Identity } from '../../shared/terms.js'
import { Flock } from '../../sys/file-lock.js'
import { unlinkIn } from '../../sys/unlink-in.js'
import type { LockFiles } from './lock-files.js'

const PREFIX = 'forkthread-lock-'
const YOUNG_MS = 60_000

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

/**
 * A private folder (mode 0700) with the lock files of the accept mutex (mode 0600): `accept.lock`, `accept-1.lock` …
 *
 * Children that run as another user must open the files, and remove all of it if the parent dies, so it belongs to that
 * user then. A handler could thus put a link in the place of the folder, or of anything in it. What root does there goes by a
 * descriptor of the folder and by names that no link stands behind.
 */
export class LockFolder implements LockFiles {
  readonly descriptors: readonly number[] = []
  readonly folder: string
  readonly paths: readonly string[]
  readonly #fd: number

  /** @throws FT_ERR_LOCK_FOLDER when the folder for temporary files is on a network, FT_ERR_SYSTEM when it can't be used */
  constructor(count: number, identity: Identity | undefined) {
    this.folder = makeFolder(tmpdir())
    this.#fd = openFolder(this.folder)
    this.paths = Array.from({ length: count }, (_, permit) =>
      join(this.folder, permit === 0 ? 'accept.lock' : `accept-${permit}.lock`),
    )
    try {
      // As long as the pool runs. Cleaners of temporary files leave a locked folder alone, and the next start sees that it is in use.
      new Flock(this.#fd).tryLock()
      for (const file of this.paths) create(file, identity)
      // Last: as long as the folder is root's, nobody else can put anything into it.
      if (identity !== undefined) fchownSync(this.#fd, identity.uid, identity.gid)
    } catch (error) {
      this.remove()
      throw explained(error, this.folder)
    }
  }

  remove(): void {
    for (const file of this.paths) unlinkIn(this.#fd, basename(file))
    closeSync(this.#fd)
    try {
      rmdirSync(this.folder)
    } catch {
      // A child has removed it, or put something of its own into it, which is not ours to remove.
    }
  }
}

/** One that can't be opened (this process may have too many descriptors) is removed by its name: nobody has known it yet. */
function openFolder(path: string): number {
  try {
    return openSync(path, fsConstants.O_RDONLY | fsConstants.O_DIRECTORY)
  } catch (error) {
    rmdirSync(path)
    throw explained(error, path)
  }
}

function create(file: string, identity: Identity | undefined): void {
  const fd = openSync(file, 'wx', 0o600)
  try {
    if (identity !== undefined) fchownSync(fd, identity.uid, identity.gid)
  } finally {
    closeSync(fd)
  }
}

function makeFolder(parent: string): string {
  try {
    refuseRemote(parent)
    removeAbandoned(parent)
    return mkdtempSync(join(parent, PREFIX))
  } catch (error) {
    if (error instanceof ForkthreadError) throw error
    throw explained(error, `${parent}, the folder for temporary files`)
  }
}

function explained(error: unknown, where: string): Error {
  const { code = '?', syscall = 'mkdtemp' } = error as NodeJS.ErrnoException
  return fail('FT_ERR_SYSTEM', [syscall, code, `${where}; TMPDIR names another`], error)
}

export function refuseRemote(folder: string): void {
  const name = remoteFileSystems.get(statfsSync(folder).type)
  if (name !== undefined) throw fail('FT_ERR_LOCK_FOLDER', [folder, name])
}

/** Those of pools that were killed whole: their locks went with them. One that is about to be locked is a moment old, and is left alone. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue
    const path = join(parent, name)
    try {
      const fd = openSync(
        path,
        fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | fsConstants.O_NOFOLLOW,
      )
      try {
        const isOld = Date.now() - fstatSync(fd).mtimeMs > YOUNG_MS
        if (!isOld || !new Flock(fd).tryLock()) continue
        for (const file of readdirSync(path)) unlinkIn(fd, file)
        rmdirSync(path)
      } finally {
        closeSync(fd)
      }
    } catch {
      // It is another user's, or somebody was quicker.
    }
  }
}
