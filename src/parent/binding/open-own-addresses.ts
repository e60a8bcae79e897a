import { type Address, parseAddress } from '../../options/address.js'
import type { Settings } from '../../options/options.js'
import { metaOf } from '../../options/schema.js'
import { fail } from '../../shared/errors.js'
import { PRIVATE, preparePrivateSocket } from '../../shared/runtime-folder.js'
import type { Predecessor } from '../upgrade/predecessor.js'
import type { Listener } from './listener.js'
import { openListener } from './open-listeners.js'

const ADMIN_BACKLOG = 16
const OWNER_ONLY = 0o600
const ADMIN_OPTIONS = {
  option: 'admin',
  backlog: ADMIN_BACKLOG,
  ipv6Only: false,
  reusePort: false,
  unixRights: { mode: OWNER_ONLY },
}

/**
 * The admin address tells much and will do more, so it is for this machine only: loopback, or a unix path that only its
 * owner may open.
 * @throws FT_ERR_OPTION for any other address, and what `Listener.open` throws
 */
export async function openAdmin(
  given: string | number,
  predecessor: Predecessor | undefined,
): Promise<Listener | undefined> {
  if (given === PRIVATE) return await openPrivate(predecessor)
  const text = typeof given === 'number' ? `127.0.0.1:${given}` : given
  const address = parseAddress(text, 'admin')
  const isAllowed =
    address.kind === 'unix' || (address.kind === 'tcp' && LOOPBACK.test(address.host ?? ''))
  if (!isAllowed || address.isSecure)
    throw fail('FT_ERR_OPTION', ['admin', given, metaOf('admin').allowed])
  return await openListener(address, ADMIN_OPTIONS, predecessor)
}

/** The socket by which the commands find this pool. It is a convenience: where there can be none the pool starts without. */
async function openPrivate(predecessor: Predecessor | undefined): Promise<Listener | undefined> {
  // Another pool that ends removes the folder, if it is empty, also in the moment between making and using it.
  for (let attempts = 0; attempts < 3; attempts++) {
    const path = preparePrivateSocket()
    if (path === undefined) return undefined
    try {
      return await openListener({ kind: 'unix', path }, ADMIN_OPTIONS, predecessor)
    } catch {
      // Once more, or without.
    }
  }
  return undefined
}

/**
 * What tells how the pool does and takes no orders: whoever asks is elsewhere, so any interface will do.
 * @throws as `openAdmin`
 */
export async function openReadOnly(
  name: 'agentCheck' | 'metrics',
  settings: Settings,
  predecessor: Predecessor | undefined,
): Promise<Listener | undefined> {
  const { admin, [name]: given } = settings
  if (given === undefined) return undefined
  const address = parseAddress(given)
  const isKnown = address.kind === 'unix' || (address.kind === 'tcp' && !address.isSecure)
  const isTaken =
    admin !== undefined && admin !== PRIVATE && isSamePort(address, parseAddress(admin))
  if (!isKnown || isTaken) throw fail('FT_ERR_OPTION', [name, given, metaOf(name).allowed])
  const options = { backlog: ADMIN_BACKLOG, ipv6Only: false, reusePort: false, unixRights: {} }
  return await openListener(address, options, predecessor)
}

/** Who speaks first can't be told from who waits to be spoken to. */
function isSamePort(one: Address, other: Address): boolean {
  if (one.kind === 'tcp' && other.kind === 'tcp') return one.port !== 0 && one.port === other.port
  return one.kind === 'unix' && other.kind === 'unix' && one.path === other.path
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/
