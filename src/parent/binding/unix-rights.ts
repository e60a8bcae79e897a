import {
  chmodSync,
  chownSync,
  closeSync,
  constants as fsConstants,
  fstatSync,
  lchmodSync,
  lchownSync,
  openSync,
} from 'node:fs'
import { fail } from '../../shared/errors.js'

/** What is asked for a unix path; what is left out stays as the system makes it. */
export interface UnixRights {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

const KEEP = -1
/** include/uapi/asm-generic/fcntl.h: a handle on the file itself, of whatever kind. */
const O_PATH = 0o10000000

/**
 * Gives a socket that is bound and does not listen yet its owner and mode. Until it listens nobody can connect, whatever the
 * rights, so they are never wider than asked for those who count.
 *
 * Whoever may write in the folder can put something else in the place of the path at any time, a link to a file of root's
 * for one. So nothing here follows links: on Linux a handle is opened and looked at, and all goes by the handle.
 * @throws FT_ERR_SOCKET_RIGHTS
 */
export function setUnixRights(path: string, rights: UnixRights): void {
  const { mode, uid = KEEP, gid = KEEP } = rights
  if (mode === undefined && uid === KEEP && gid === KEEP) return
  try {
    if (process.platform === 'linux') setByHandle(path, mode, uid, gid)
    else {
      lchownSync(path, uid, gid)
      if (mode !== undefined) lchmodSync(path, mode)
    }
  } catch (error) {
    const { code = '?', syscall = '?' } = error as NodeJS.ErrnoException
    throw fail('FT_ERR_SOCKET_RIGHTS', [path, `${syscall} failed with ${code}`], error)
  }
}

function setByHandle(path: string, mode: number | undefined, uid: number, gid: number): void {
  const fd = openSync(path, O_PATH | fsConstants.O_NOFOLLOW)
  try {
    if (!fstatSync(fd).isSocket())
      throw Object.assign(new Error(), { code: 'ENOTSOCK', syscall: 'fstat' })
    // fchmod refuses such a handle (EBADF); its entry in /proc is no link by name, but the file that it stands for.
    const handle = `/proc/self/fd/${fd}`
    chownSync(handle, uid, gid)
    // After the owner, whose change may take bits away.
    if (mode !== undefined) chmodSync(handle, mode)
  } finally {
    closeSync(fd)
  }
}
