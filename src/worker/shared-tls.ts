import type { Lease, TlsTerms } from '../shared/messages.js'
import { TicketKeys } from '../sync/ticket-keys.js'

/** What the servers of this thread have in common with those of all others: the key of the tickets, and the certificates. */
export class SharedTls {
  readonly #fd: number
  #keys: TicketKeys | undefined
  #terms: TlsTerms | undefined
  readonly #followers: ((terms: TlsTerms) => void)[] = []

  constructor({ tls, ticketKeys }: Pick<Lease, 'tls' | 'ticketKeys'>) {
    this.#terms = tls
    this.#fd = ticketKeys
  }

  /** None if no key was given. */
  get terms(): TlsTerms | undefined {
    return this.#terms
  }

  /** Only threads that speak TLS map it. */
  get ticketKeys(): TicketKeys {
    this.#keys ??= TicketKeys.map(this.#fd)
    return this.#keys
  }

  /** New certificates have come. */
  renew(terms: TlsTerms): void {
    this.#terms = terms
    for (const follow of this.#followers) follow(terms)
  }

  onRenewed(follow: (terms: TlsTerms) => void): void {
    this.#followers.push(follow)
  }
}
