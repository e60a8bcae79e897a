import type { Settings } from '../../options/options.js'
import { fail } from '../../shared/errors.js'
import type { Identity } from '../../shared/terms.js'
import { findGroup, findUser, groupsOf } from '../../sys/accounts.js'

/**
 * As whom the children shall run; `undefined` if that is what the parent runs as already. Names are looked up here and
 * once, so that a child needs no directory service while it is still root.
 * @throws FT_ERR_ACCOUNT for an unknown user or group, FT_ERR_PRIVILEGES if this process may not change its user
 */
export function childIdentity({ user, group }: Settings): Identity | undefined {
  if (user === undefined) return undefined
  const account = findUser(user)
  if (account === undefined && typeof user === 'string')
    throw fail('FT_ERR_ACCOUNT', ['user', user, 'there is no such user'])
  const uid = account?.uid ?? Number(user)
  const gid = group === undefined ? account?.gid : groupNumber('group', group)
  if (gid === undefined) {
    const why = 'this number has no account that would tell its group; give group, too'
    throw fail('FT_ERR_ACCOUNT', ['user', user, why])
  }
  const name = account?.name ?? `uid ${uid}`
  if (process.geteuid?.() === 0) {
    if (uid === 0) {
      const why = 'it is root, as whom the children run without this option'
      throw fail('FT_ERR_ACCOUNT', ['user', user, why])
    }
    // Without an account there are no further groups; what root has must not stay in either case.
    const groups = account === undefined ? [gid] : groupsOf(account.name, gid)
    return { name, uid, gid, groups }
  }
  // Without root, the group is what it is; only who asks for another one has to be told.
  const isGroup = group === undefined || process.getegid?.() === gid
  if (process.geteuid?.() === uid && isGroup) return undefined
  const why = `only root may choose, and this process runs as uid ${process.geteuid?.()}, gid ${process.getegid?.()}; start it as root, or leave out user and group`
  throw fail('FT_ERR_PRIVILEGES', [name, why])
}

/** @throws FT_ERR_ACCOUNT */
export function userNumber(option: string, user: string | number): number {
  const uid = typeof user === 'number' ? user : findUser(user)?.uid
  if (uid === undefined) throw fail('FT_ERR_ACCOUNT', [option, user, 'there is no such user'])
  return uid
}

/** @throws FT_ERR_ACCOUNT */
export function groupNumber(option: string, group: string | number): number {
  const gid = typeof group === 'number' ? group : findGroup(group)
  if (gid === undefined) throw fail('FT_ERR_ACCOUNT', [option, group, 'there is no such group'])
  return gid
}
