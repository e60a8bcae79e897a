import { isSamePlace, parseAddress } from '../../options/address.js'
import type { Settings } from '../../options/options.js'
import type { TlsOption } from '../../options/tls-options.js'
import type { ListenerTerms } from '../../shared/terms.js'
import type { Resources } from '../binding/resources.js'
import { Certificates } from './certificates.js'

/**
 * How the connections of each listener begin, and the certificates that they need.
 *
 * `https://` in front says that it is TLS, and so do certificates of its own. Where no other address says so, and the pool has a key,
 * all are: who gives a key does not want to serve in clear.
 * @throws FT_ERR_TLS
 */
export function listenerTerms(
  { addresses, entries }: Pick<Resources, 'addresses' | 'entries'>,
  { listen, proxyProtocol, tls, ownTls }: Settings,
): { readonly listeners: readonly ListenerTerms[]; readonly certificates: Certificates[] } {
  const certificates: Certificates[] = []
  /** By the options that they are made of: what systemd passes under one name are several listeners with the same. */
  const sets = new Map<readonly TlsOption[], number>()
  const setOf = (options: readonly TlsOption[], owner: string): number => {
    const known = sets.get(options)
    if (known !== undefined) return known
    sets.set(options, certificates.length)
    return certificates.push(new Certificates(options, owner)) - 1
  }
  const own = entries.map((entry) => ownTls[entry])
  const isSaid = addresses.some(({ isSecure }, index) => isSecure && own[index] === undefined)
  const usual = tls !== undefined && !isSaid
  const listeners = addresses.map((address, index) => {
    const isMeant = (given: string | number): boolean => isSamePlace(parseAddress(given), address)
    const ownOptions = own[index]
    const isSecure = ownOptions !== undefined || (address.isSecure ?? usual)
    const options = isSecure ? (ownOptions ?? tls) : undefined
    const owner = ownOptions === undefined ? '' : String(listen[entries[index] ?? 0])
    return {
      proxyProtocol: Array.isArray(proxyProtocol) ? proxyProtocol.some(isMeant) : proxyProtocol,
      isSecure,
      ...(options === undefined ? {} : { certificates: setOf(options, owner) }),
    }
  })
  return { listeners, certificates }
}
