import { koffi } from './koffi.js'
import { declare } from './libc.js'

/**
 * Accounts as the C library knows them: from /etc, LDAP or wherever the system has them. Only for the main thread of a
 * process: the results stand in static memory.
 */
const getpwnam = declare<[string], unknown>('void *getpwnam(const char *name)')
const getpwuid = declare<[number], unknown>('void *getpwuid(unsigned int uid)')
const getgrnam = declare<[string], unknown>('void *getgrnam(const char *name)')
const getgrouplist = declare<[string, number, Uint32Array, Int32Array]>(
  'int getgrouplist(const char *user, unsigned int group, void *groups, void *count)',
)

/** The beginnings of `struct passwd` and `struct group`, the same on Linux and macOS (pwd.h, grp.h). */
const Passwd = koffi.struct({ name: 'char *', password: 'char *', uid: 'uint32', gid: 'uint32' })
const Group = koffi.struct({ name: 'char *', password: 'char *', gid: 'uint32' })

export interface User {
  readonly name: string
  readonly uid: number
  /** Its first group. */
  readonly gid: number
}

/** By name or number; `undefined` if there is no such account. */
export function findUser(user: string | number): User | undefined {
  const found = typeof user === 'string' ? getpwnam(user) : getpwuid(user)
  if (found === null) return undefined
  const { name, uid, gid } = koffi.decode(found, Passwd) as User
  return { name, uid, gid }
}

/** The number of a group; `undefined` if no group has that name. */
export function findGroup(name: string): number | undefined {
  const found = getgrnam(name)
  return found === null ? undefined : (koffi.decode(found, Group) as { gid: number }).gid
}

/** The kernel's limit (NGROUPS_MAX). */
const MOST_GROUPS = 65_536

/** Every group that an account belongs to, `gid` among them. */
export function groupsOf(name: string, gid: number): number[] {
  const groups = new Uint32Array(MOST_GROUPS)
  const count = new Int32Array([groups.length])
  getgrouplist(name, gid, groups, count)
  return [...groups.subarray(0, count[0])]
}
