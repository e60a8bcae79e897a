import type { Address } from '../../options/address.js'
import { MOST_LISTENERS } from '../../options/listener-options.js'
import type { Settings } from '../../options/options.js'
import { metaOf } from '../../options/schema.js'
import { fail } from '../../shared/errors.js'
import { passedSockets } from '../systemd/systemd-environment.js'
import type { Predecessor } from '../upgrade/predecessor.js'
import { type ListenerOptions, type OwnAddress, originOf } from './bind-address.js'
import { groupNumber, userNumber } from './identity.js'
import { Listener } from './listener.js'
import type { UnixRights } from './unix-rights.js'

const SYSTEMD = 'systemd:'

/**
 * Binds what is to be bound, and adopts what comes from outside, in the order given. Each goes into `opened` at once, so
 * that the caller can close all of them if a later one fails. Returns which of the addresses each stands for: systemd's may be several.
 * @throws what `Listener.open` and `Listener.adopt` throw, FT_ERR_SYSTEMD_SOCKETS, FT_ERR_ACCOUNT, FT_ERR_OPTION for more
 *   than are allowed
 */
export async function openListeners(
  addresses: readonly Address[],
  settings: Settings,
  predecessor: Predecessor | undefined,
  opened: Listener[],
): Promise<readonly number[]> {
  const { backlog, ipv6Only, reusePort } = settings
  const options = { backlog, ipv6Only, reusePort, unixRights: unixRights(settings) }
  const meant: number[] = []
  for (const [index, address] of addresses.entries()) {
    if (address.kind === 'fd') adoptNumber(address.fd, predecessor, opened)
    else if (address.kind === 'systemd') adoptPassed(address.name, predecessor, opened)
    else opened.push(await openListener(address, options, predecessor))
    while (meant.length < opened.length) meant.push(index)
  }
  if (opened.length > MOST_LISTENERS)
    throw fail('FT_ERR_OPTION', ['listen', settings.listen, metaOf('listen').allowed])
  return meant
}

/** Binds an address, or takes over the listener that the old parent has there. */
export async function openListener(
  address: OwnAddress,
  options: ListenerOptions,
  predecessor: Predecessor | undefined,
): Promise<Listener> {
  const origin = originOf(address)
  const [taken] = predecessor?.takeListeners((other) => other === origin, 1) ?? []
  if (taken === undefined) return await Listener.open(address, options)
  return Listener.adopt(taken.fd, { origin, backlog: options.backlog, owner: 'predecessor' })
}

/** After an upgrade the descriptor has another number; what counts is how the user calls it. */
function adoptNumber(fd: number, predecessor: Predecessor | undefined, opened: Listener[]): void {
  const origin = `fd:${fd}`
  const [taken] = predecessor?.takeListeners((other) => other === origin, 1) ?? []
  adopt(taken?.fd ?? fd, origin, opened)
}

function adoptPassed(
  wanted: string | undefined,
  predecessor: Predecessor | undefined,
  opened: Listener[],
): void {
  const isWanted = (origin: string): boolean =>
    wanted === undefined ? origin.startsWith(SYSTEMD) : origin === SYSTEMD + wanted
  const taken = predecessor?.takeListeners(isWanted) ?? []
  for (const { fd, origin } of taken) adopt(fd, origin, opened)
  if (taken.length > 0) return
  for (const { fd, name } of passedSockets(process.env, process.pid, wanted))
    adopt(fd, SYSTEMD + name, opened)
}

/** Whoever made the socket has chosen its queue, and removes its path. */
function adopt(fd: number, origin: string, opened: Listener[]): void {
  if (opened.some((listener) => listener.fd === fd))
    throw fail('FT_ERR_ADDRESS_INHERITED', [origin, `descriptor ${fd}: it is listed twice`])
  opened.push(Listener.adopt(fd, { origin, owner: 'outside' }))
}

function unixRights({ socketMode, socketUser, socketGroup, umask }: Settings): UnixRights {
  // A path gets the umask of this process anyway; another one is for the pool alone.
  const mode = socketMode ?? (umask === undefined ? undefined : 0o777 & ~umask)
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(socketUser === undefined ? {} : { uid: userNumber('socketUser', socketUser) }),
    ...(socketGroup === undefined ? {} : { gid: groupNumber('socketGroup', socketGroup) }),
  }
}
