import { fail } from '../../shared/errors.js'
import type { HandlerKind, ListenerTerms } from '../../shared/terms.js'

/**
 * An address that says `https://` must not be served in clear because the program's own server does that.
 * @throws FT_ERR_TLS
 */
export function requireTls(
  listeners: readonly ListenerTerms[],
  kinds: readonly HandlerKind[],
): void {
  const isInClear = ({ isSecure }: ListenerTerms, index: number): boolean =>
    isSecure && (kinds[index] === 'http' || kinds[index] === 'raw')
  if (!listeners.some(isInClear)) return
  const why = "the program's own server there speaks no TLS; it has to be one of node:https"
  throw fail('FT_ERR_TLS', ['https://', why])
}
