import type { SecureContext, TlsOptions } from 'node:tls'
import { nodeCrypto, nodeTls } from '../shared/node-modules.js'
import type { TlsTerms } from '../shared/terms.js'
import type { TicketKeys } from '../sync/ticket-keys.js'

/** A handshake that takes longer is none that a person waits for. Node's own limit is two minutes. */
const HANDSHAKE_MS = 30_000
/** Seconds for which a client may resume a session, as Node has it. */
const SESSION_SECONDS = 300

/**
 * The certificates of this thread's own TLS, and the one for each name that clients ask for.
 *
 * By a map and a callback, not by `addContext`: that only ever adds, so it would grow with each renewal. All contexts have the same
 * ticket key: a ticket is opened before the name is looked at, and given afterwards.
 */
export class SecureContexts {
  readonly #ticketKeys: TicketKeys
  readonly #byName = new Map<string, SecureContext>()
  #terms: TlsTerms
  #version = -1

  constructor(terms: TlsTerms, ticketKeys: TicketKeys) {
    this.#terms = terms
    this.#ticketKeys = ticketKeys
    this.#build()
  }

  /** For the server that is made with them. */
  options(handshakeLimitMs: number): TlsOptions {
    const { requestCert, rejectUnauthorized } = this.#terms
    return {
      ...this.defaults(),
      requestCert,
      rejectUnauthorized,
      handshakeTimeout:
        handshakeLimitMs > 0 ? Math.min(handshakeLimitMs, HANDSHAKE_MS) : HANDSHAKE_MS,
      // Undefined stands for the default certificate.
      SNICallback: (name, done) => done(null, this.#find(name.toLowerCase())),
    }
  }

  /** What `setSecureContext` is to be given; it forgets all that it is not. */
  defaults(): TlsOptions {
    const [first] = this.#terms.identities
    return first === undefined ? {} : this.#optionsOf(first)
  }

  renew(terms: TlsTerms): void {
    this.#terms = terms
    this.#build()
  }

  /** The key of the tickets has changed: the contexts are made anew. Returns whether. */
  follow(): boolean {
    if (this.#ticketKeys.version === this.#version) return false
    this.#build()
    return true
  }

  #build(): void {
    this.#version = this.#ticketKeys.version
    this.#byName.clear()
    for (const identity of this.#terms.identities) {
      const context = nodeTls().createSecureContext(this.#optionsOf(identity))
      // The first one that has a name keeps it.
      for (const name of identity.servernames)
        if (!this.#byName.has(name)) this.#byName.set(name, context)
    }
  }

  #find(name: string): SecureContext | undefined {
    // A wildcard stands for one label (RFC 6125).
    return this.#byName.get(name) ?? this.#byName.get(name.replace(/^[^.]+/, '*'))
  }

  #optionsOf({ servernames: _, ca, ...identity }: TlsTerms['identities'][number]): TlsOptions {
    return {
      ...identity,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ticketKeys: this.#ticketKeys.read(),
      sessionTimeout: SESSION_SECONDS,
      sessionIdContext: this.#sessionIdContext,
    }
  }

  /**
   * Who was let in by other rules is not let in by a ticket: what says whose certificates are good is part of it. So is the listener, if it
   * has certificates of its own: who has seen those of one has not seen those of another.
   */
  get #sessionIdContext(): string {
    const { owner, requestCert, rejectUnauthorized, identities } = this.#terms
    const cas = identities.map(({ ca }) => ca)
    const rules = JSON.stringify([owner, requestCert, rejectUnauthorized, cas])
    return nodeCrypto().createHash('sha256').update(rules).digest('hex').slice(0, 32)
  }
}
