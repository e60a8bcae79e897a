import {
  closeSync,
  constants as fsConstants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { ForkthreadError, fail } from '../../shared/errors.js'
import { fromStartFolder } from '../../shared/start-folder.js'
import { Flock } from '../../sys/file-lock.js'

const MODE = 0o644
/** Someone removes or replaces the file just when it is looked at; more often than that in a row, it is no accident. */
const ATTEMPTS = 100
const CONTENT = /^\d{0,10}\n?$/
/** Longer ones are no pid. */
const LONGEST_CONTENT = 16

/**
 * The file with the pid of the parent. Its holder has it locked (flock) as long as it lives, and the kernel frees the lock when it
 * dies in whatever way; so a file without a lock is stale, whatever pid stands in it, and one with a lock is live. (The pid
 * itself proves nothing: after a crash it may be another process's.) Children don't inherit the lock: the descriptor is
 * closed on exec.
 *
 * Two steps. `claim` locks the file before anything is bound, and empties it: a stale pid must not be taken for ours while
 * the pool starts. `write` puts a new, locked file with the pid in its place by a rename, so a reader sees no pid or all of it.
 *
 * The rule that makes it safe: a path that leads to a locked file belongs to the holder of that lock, and only the holder
 * renames over it or removes it. Between two that start at the same time:
 * - Both open the stale file; one gets the lock, the other one not, and fails.
 * - One gets the lock only after the first one has renamed and closed (`write`), or removed (`release`): then the file it
 *   has locked is no longer the one that the path leads to. It sees that, lets go, and begins again.
 * - The new file is locked before the rename, so there is no moment at which the path leads to a live file without a lock.
 *
 * An upgrade is the one exception: the new parent renames over the file of the old one, which knows of it (`takeOver`). It does so
 * when the old one leaves, which from then on neither removes the file (`leave`) nor holds its lock. A third one that claims
 * the path in that moment empties the file, but the new one renames over it all the same, and the third one's `write` finds that and fails.
 */
export class PidFile {
  /** Absolute. */
  readonly path: string
  readonly #mode: number
  /** The file that the path leads to, unless somebody has tampered with it. */
  #fd: number
  #isLeft = false

  private constructor(path: string, mode: number, fd: number) {
    this.path = path
    this.#mode = mode
    this.#fd = fd
  }

  /**
   * Locks the file for this process, and creates or empties it.
   * @throws FT_ERR_PID_FILE_HELD if a live process has it, FT_ERR_PID_FILE if it can't be used or is no pid file
   */
  static claim(given: string, umask: number): PidFile {
    const path = fromStartFolder(given)
    const mode = MODE & ~umask
    return explained(path, () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const fd = openFile(path, mode)
        try {
          if (!new Flock(fd).tryLock()) throw fail('FT_ERR_PID_FILE_HELD', [path, holderOf(fd)])
          if (isAt(path, fstatSync(fd))) {
            ftruncateSync(fd)
            return new PidFile(path, mode, fd)
          }
        } catch (error) {
          closeSync(fd)
          throw error
        }
        closeSync(fd)
      }
      throw fail('FT_ERR_PID_FILE', [path, 'it is replaced again and again'])
    })
  }

  /**
   * For an upgrade: nothing changes before `write`, and until then the process `holder` must live and keep its claim.
   * @throws FT_ERR_PID_FILE if the file is not that of `holder`
   */
  static takeOver(given: string, umask: number, holder: number): PidFile {
    const path = fromStartFolder(given)
    return explained(path, () => {
      // Open, so that the number of the file (inode) can't mean another one meanwhile.
      const fd = openSync(path, fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW)
      const found = read(fd).trim()
      if (found === String(holder)) return new PidFile(path, MODE & ~umask, fd)
      closeSync(fd)
      throw fail('FT_ERR_PID_FILE', [path, `it should hold ${holder} and holds '${found}'`])
    })
  }

  /**
   * Puts the pid of this process there.
   * @throws FT_ERR_PID_FILE if the path no longer leads to what was claimed, or the folder may not be written
   */
  write(): void {
    explained(this.path, () => {
      if (!isAt(this.path, fstatSync(this.#fd)))
        throw fail('FT_ERR_PID_FILE', [this.path, 'somebody has removed or replaced it'])
      const temporary = `${this.path}.${process.pid}`
      // A process that had this pid may have died here.
      rmSync(temporary, { force: true })
      const fd = openSync(temporary, 'wx', this.#mode)
      try {
        new Flock(fd).lock()
        writeSync(fd, `${process.pid}\n`)
        renameSync(temporary, this.path)
      } catch (error) {
        closeSync(fd)
        rmSync(temporary, { force: true })
        throw error
      }
      closeSync(this.#fd)
      this.#fd = fd
    })
  }

  /** A new parent takes the file over: it stays where it is. */
  leave(): void {
    this.#isLeft = true
    closeSync(this.#fd)
  }

  /** Removes the file, if it is still ours, and gives the lock back. */
  release(): void {
    if (this.#isLeft) return
    try {
      const isOurs = new Flock(this.#fd).tryLock() && isAt(this.path, fstatSync(this.#fd))
      if (isOurs) unlinkSync(this.path)
    } catch {
      // The folder is gone, or may no longer be written. Without its lock the file is stale all the same.
    } finally {
      closeSync(this.#fd)
    }
  }
}

/** Refuses links and whatever is not a file with a pid: a slip of the pen must not empty somebody's file. */
function openFile(path: string, mode: number): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fsConstants
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode)
  try {
    if (!fstatSync(fd).isFile() || !CONTENT.test(read(fd)))
      throw fail('FT_ERR_PID_FILE', [path, 'it holds something else than a pid'])
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function isAt(path: string, { ino, dev }: Stats): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.ino === ino && found.dev === dev
}

/** From the beginning, wherever the last read ended. */
function read(fd: number): string {
  const content = Buffer.alloc(LONGEST_CONTENT + 1)
  return content.toString('utf8', 0, readSync(fd, content, 0, content.length, 0))
}

/** Its holder may be starting and have written nothing yet. */
function holderOf(fd: number): string {
  const pid = read(fd).trim()
  return pid === '' ? 'a pool that is starting' : `process ${pid}`
}

function explained<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof ForkthreadError) throw error
    const { code = '?', syscall = '?' } = error as NodeJS.ErrnoException
    throw fail('FT_ERR_PID_FILE', [path, `${syscall} failed with ${code}`], error)
  }
}
