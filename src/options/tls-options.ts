import * as z from 'zod/mini'
import { oneOrList, text } from './kinds.js'

/** PEM as text or bytes, or the path or file URL of a file with it. */
const material = z.union([text(), z.instanceof(Uint8Array), z.instanceof(URL)])
const version = z.enum(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])
const MOST = 256
const oneOrMore = <T extends z.ZodMiniType>(schema: T) =>
  z.union([schema, z.array(schema).check(z.minLength(1))])

/** A certificate with its key, and how to serve with it; the names are those of `node:tls`. */
const identity = z.strictObject({
  key: material,
  cert: material,
  /** Who may have signed the clients' certificates. */
  ca: z.optional(oneOrMore(material)),
  passphrase: z.optional(z.string()),
  minVersion: z.optional(version),
  maxVersion: z.optional(version),
  ciphers: z.optional(text()),
  /** Which names it is for; without them, those that stand in the certificate. */
  servername: z.optional(oneOrMore(text())),
  requestCert: z.optional(z.boolean()),
  rejectUnauthorized: z.optional(z.boolean()),
  /** The protocols of HTTP that are offered, best first. */
  ALPNProtocols: z.optional(z.array(z.enum(['h2', 'http/1.1'])).check(z.minLength(1))),
})

export type TlsOption = z.output<typeof identity>

export const tlsSchema = z.optional(oneOrList(identity, MOST))

/** An address with what is only for the listener there. */
export const listenerSchema = <T extends z.ZodMiniType>(address: T) =>
  z.strictObject({ address, tls: tlsSchema })

export function paths() {
  return z.optional(oneOrList(text(), MOST))
}
