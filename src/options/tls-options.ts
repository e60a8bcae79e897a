import * as z from 'zod'

/** PEM as text or bytes, or the path or file URL of a file with it. */
const material = z.union([z.string().min(1), z.instanceof(Uint8Array), z.instanceof(URL)])
const version = z.enum(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])
const oneOrMore = <T extends z.ZodType>(schema: T) => z.union([schema, z.array(schema).min(1)])

/** A certificate with its key, and how to serve with it; the names are those of `node:tls`. */
const identity = z.strictObject({
  key: material,
  cert: material,
  /** Who may have signed the clients' certificates. */
  ca: oneOrMore(material).optional(),
  passphrase: z.string().optional(),
  minVersion: version.optional(),
  maxVersion: version.optional(),
  ciphers: z.string().min(1).optional(),
  /** Which names it is for; without them, those that stand in the certificate. */
  servername: oneOrMore(z.string().min(1)).optional(),
  requestCert: z.boolean().optional(),
  rejectUnauthorized: z.boolean().optional(),
  /** The protocols of HTTP that are offered, best first. */
  ALPNProtocols: z
    .array(z.enum(['h2', 'http/1.1']))
    .min(1)
    .optional(),
})

export type TlsOption = z.output<typeof identity>

export const tlsSchema = z
  .union([identity.transform((one) => [one]), z.array(identity).min(1).max(256)])
  .optional()

/** An address with what is only for the listener there. */
export const listenerSchema = <T extends z.ZodType>(address: T) =>
  z.strictObject({ address, tls: tlsSchema })

export const pathsSchema = z
  .union([
    z
      .string()
      .min(1)
      .transform((one) => [one]),
    z.array(z.string().min(1)).min(1).max(256),
  ])
  .optional()
