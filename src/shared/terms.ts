/** What the pool is run with, as several rooms need it: parts of what children and threads are started with. */

/** What becomes of an idle keep-alive connection: handed back, kept by its thread, or whichever pays. */
export type KeepAlive = 'auto' | 'park' | 'pin'

export type HandlerKind = 'http' | 'https' | 'raw' | 'tls'

/** Where a program would listen, and how long its backlog would be; 0 if it does not say. */
export type AskedListener = { readonly backlog: number; readonly ipv6Only: boolean } & (
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  /** An abstract one begins with a zero byte, as Node names them. */
  | { readonly kind: 'unix'; readonly path: string }
)

export interface InspectTerms {
  readonly host: string
  readonly port: number
}

export interface Range {
  readonly min: number
  readonly max: number
}

/** Towards the client; milliseconds, 0 for never. */
export interface ClientTimeouts {
  readonly keepAliveTimeout: number
  readonly headersTimeout: number
  readonly requestTimeout: number
}

/** How the connections of a listener begin. */
export interface ListenerTerms {
  /** With a PROXY header. */
  readonly proxyProtocol: boolean
  /** With a TLS handshake of the pool's; a program's server may have its own all the same. */
  readonly isSecure: boolean
  /** Which of the terms of TLS that is done with; none if no key was given. */
  readonly certificates?: number
}

/** A certificate with its key, as `node:tls` takes them; all is PEM. */
export interface TlsIdentity {
  readonly key: string
  readonly cert: string
  readonly ca?: readonly string[]
  readonly passphrase?: string
  readonly minVersion?: TlsVersion
  readonly maxVersion?: TlsVersion
  readonly ciphers?: string
  /** In lower case; `*.` may stand for one label. */
  readonly servernames: readonly string[]
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** What the pool's own TLS is done with, at one listener or several. The first identity is for clients that ask for none of the names. */
export interface TlsTerms {
  /** The address whose own they are; empty for those of the pool. */
  readonly owner: string
  readonly identities: readonly TlsIdentity[]
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
  /** Of HTTP, best first. */
  readonly protocols: readonly ('h2' | 'http/1.1')[]
}

/** What is turned away, and what is told of the wait. */
export interface OverloadTerms {
  /** ms, 0 for never. */
  readonly queueTimeout: number
  /** In the whole pool; 0 for no limit. */
  readonly maxConnections: number
  /** Believe a proxy when it began to wait. */
  readonly trustRequestStart: boolean
  readonly queueTimeHeader: 'off' | 'x-queue-time' | 'server-timing'
}

/** As whom a child runs; the parent has looked the numbers up. */
export interface Identity {
  /** For messages. */
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
}
