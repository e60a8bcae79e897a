import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fail } from '../shared/errors.js'
import type { Identity } from '../shared/terms.js'

/**
 * Makes this process run as another user for good: supplementary groups, group, user, in the order in which each step is
 * still allowed. Must come before any thread of ours starts and before any code of the user is loaded. Threads that Node has
 * started already follow: the C library changes all threads of a process (POSIX; in Linux every thread has ids of its own).
 *
 * Not by the `uid` and `gid` of `child_process`: they leave the process without supplementary groups.
 * @throws FT_ERR_PRIVILEGES if a step fails, or did not do what it should
 */
export function dropPrivileges({ name, uid, gid, groups }: Identity): void {
  try {
    process.setgroups?.(groups)
    process.setgid?.(gid)
    process.setuid?.(uid)
  } catch (error) {
    throw fail(
      'FT_ERR_PRIVILEGES',
      [name, `the change failed (${(error as Error).message})`],
      error,
    )
  }
  const isDone =
    process.getuid?.() === uid &&
    process.geteuid?.() === uid &&
    process.getgid?.() === gid &&
    process.getegid?.() === gid &&
    (process.getgroups?.() ?? []).every((group) => group === gid || groups.includes(group))
  if (!isDone) throw fail('FT_ERR_PRIVILEGES', [name, 'the change has not taken effect'])
  if (canRegainRoot()) throw fail('FT_ERR_PRIVILEGES', [name, 'it could become root again'])
}

/**
 * Node says "Cannot find module" of a file that stands in a folder which this user may not enter.
 * @throws FT_ERR_PRIVILEGES
 */
export function checkReadable({ name }: Identity, files: readonly URL[]): void {
  for (const file of files) {
    try {
      accessSync(file, constants.R_OK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') continue
      throw fail('FT_ERR_PRIVILEGES', [name, `it may not read ${fileURLToPath(file)}`], error)
    }
  }
}

/** With a saved id, or with capabilities that survived, a handler could undo everything. */
function canRegainRoot(): boolean {
  try {
    process.setuid?.(0)
    return true
  } catch {
    return false
  }
}
