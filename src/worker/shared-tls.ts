import type { TlsTerms } from '../shared/terms.js'
import type { Lease } from '../shared/thread-starts.js'
import { TicketKeys } from '../sync/ticket-keys.js'

/** What the servers of this thread have in common with those of all others: the key of the tickets, and the certificates. */
export class SharedTls {
  readonly #fd: number
  #keys: TicketKeys | undefined
  #terms: readonly TlsTerms[]
  readonly #followers: (() => void)[] = []

  constructor({ tls, ticketKeys }: Pick<Lease, 'tls' | 'ticketKeys'>) {
    this.#terms = tls
    this.#fd = ticketKeys
  }

  /** Those with this number; none if no key was given for them. */
  termsOf(certificates: number | undefined): TlsTerms | undefined {
    return certificates === undefined ? undefined : this.#terms[certificates]
  }

  /** Only threads that speak TLS map it. */
  get ticketKeys(): TicketKeys {
    this.#keys ??= TicketKeys.map(this.#fd)
    return this.#keys
  }

  /** New certificates have come. */
  renew(terms: readonly TlsTerms[]): void {
    this.#terms = terms
    for (const follow of this.#followers) follow()
  }

  onRenewed(certificates: number | undefined, follow: (terms: TlsTerms) => void): void {
    this.#followers.push(() => {
      const terms = this.termsOf(certificates)
      if (terms !== undefined) follow(terms)
    })
  }
}
