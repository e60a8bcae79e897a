import { closeSync, constants as fsConstants, lstatSync, openSync, unlinkSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../../shared/errors.js'
import { constants } from '../../sys/constants.js'
import { Flock } from '../../sys/file-lock.js'
import { openStreamSocket, tryConnect } from '../../sys/socket.js'

/** Pools hold the lock for a moment only. Who holds it longer is no pool, and must not keep this one from starting for ever. */
const LOCK_PATIENCE_MS = 5000
const LOCK_LOOK_EVERY_MS = 10

/**
 * Binds a unix path by `bind`, after removing a stale socket that a dead server left there. A live one, or a file of
 * another kind, is never touched.
 *
 * Between the look and the bind another pool could do the same and have its fresh socket removed by this one. So
 * both hold a lock meanwhile, on the folder itself: it needs no further file and goes with the descriptor.
 * @throws FT_ERR_ADDRESS_IN_USE, FT_ERR_SOCKET_PATH
 */
export async function claimUnixPath(
  path: string,
  option: string,
  bind: () => number,
): Promise<number> {
  if (Buffer.byteLength(path) >= constants.unixPathSize)
    throw fail('FT_ERR_SOCKET_PATH', [path, `it has ${Buffer.byteLength(path)} bytes`])
  const folder = openFolder(path, option)
  try {
    await lockFolder(new Flock(folder), path)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found !== undefined) {
      if (!found.isSocket()) throw fail('FT_ERR_SOCKET_PATH', [path, 'it is not a socket'])
      if (isLive(path)) throw fail('FT_ERR_ADDRESS_IN_USE', [`unix:${path}`, option])
      unlinkSync(path)
    }
    return bind()
  } finally {
    closeSync(folder)
  }
}

function openFolder(path: string, option: string): number {
  try {
    return openSync(dirname(path), fsConstants.O_RDONLY | fsConstants.O_DIRECTORY)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'EPERM')
      throw fail('FT_ERR_ADDRESS_DENIED', [`unix:${path}`, option], error)
    throw fail('FT_ERR_SOCKET_PATH', [path, `its folder can't be opened (${code})`], error)
  }
}

async function lockFolder(folder: Flock, path: string): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS
  while (!folder.tryLock()) {
    if (performance.now() > deadline) {
      const seconds = LOCK_PATIENCE_MS / 1000
      const why = `another program has held a lock (flock) on its folder for ${seconds} s`
      throw fail('FT_ERR_SOCKET_PATH', [path, why])
    }
    await sleep(LOCK_LOOK_EVERY_MS)
  }
}

/** Only a refused connection proves that nobody listens; a full backlog (EAGAIN) is a live server. */
function isLive(path: string): boolean {
  const fd = openStreamSocket('unix')
  try {
    return tryConnect(fd, { family: 'unix', path }) !== osConstants.errno.ECONNREFUSED
  } finally {
    closeSync(fd)
  }
}
