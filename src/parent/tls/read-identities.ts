import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TlsOption } from '../../options/tls-options.js'
import { fail } from '../../shared/errors.js'
import { nodeCrypto, nodeTls } from '../../shared/node-modules.js'
import { fromStartFolder } from '../../shared/start-folder.js'
import type { TlsIdentity, TlsTerms } from '../../shared/terms.js'

/** What is given for a key or a certificate: a file, or PEM itself. */
interface Material {
  /** For errors. */
  readonly name: string
  readonly path: string | undefined
  readonly read: () => string
}

/**
 * Reads and tries keys and certificates, as the user that the parent runs as: it may be root, and its children are not.
 * `owner` is the address whose own they are, empty for those of the pool.
 * @throws FT_ERR_TLS, which names the file
 */
export function readIdentities(options: readonly TlsOption[], owner = ''): TlsTerms {
  const of = owner === '' ? '' : ` of ${owner}`
  const identities = options.map((option, index) => {
    const number = options.length === 1 ? '' : ` ${index + 1}`
    const { key, cert, ca } = materialsOf(option, number + of)
    return readIdentity(option, key, cert, ca)
  })
  const [first] = options
  return {
    owner,
    identities,
    requestCert: first?.requestCert ?? false,
    rejectUnauthorized: first?.rejectUnauthorized ?? true,
    protocols: first?.ALPNProtocols ?? ['h2', 'http/1.1'],
  }
}

/** The paths of what `readIdentities` reads. */
export function filesOf(options: readonly TlsOption[]): readonly string[] {
  const paths = options.flatMap((option) => {
    const { key, cert, ca } = materialsOf(option, '')
    return [key, cert, ...ca].flatMap(({ path }) => path ?? [])
  })
  return [...new Set(paths)]
}

function materialsOf({ key, cert, ca }: TlsOption, place: string) {
  const authorities = ca === undefined ? [] : Array.isArray(ca) ? ca : [ca]
  return {
    key: materialOf(key, `key${place}`),
    cert: materialOf(cert, `cert${place}`),
    ca: authorities.map((one) => materialOf(one, `ca${place}`)),
  }
}

function materialOf(given: string | Uint8Array | URL, label: string): Material {
  if (given instanceof Uint8Array) {
    const text = Buffer.from(given).toString('utf8')
    return { name: label, path: undefined, read: () => text }
  }
  if (typeof given === 'string' && given.includes('-----BEGIN'))
    return { name: label, path: undefined, read: () => given }
  const path = given instanceof URL ? fileURLToPath(given) : fromStartFolder(given)
  return { name: path, path, read: () => readFileSync(path, 'utf8') }
}

function readIdentity(
  option: TlsOption,
  keyFrom: Material,
  certFrom: Material,
  ca: readonly Material[],
): TlsIdentity {
  const { passphrase, minVersion, maxVersion, ciphers, servername } = option
  const key = attempt(keyFrom, keyFrom.read)
  const privateKey = attempt(keyFrom, () =>
    nodeCrypto().createPrivateKey({ key, ...defined({ passphrase }) }),
  )
  const cert = attempt(certFrom, certFrom.read)
  const certificate = attempt(certFrom, () => new (nodeCrypto().X509Certificate)(cert))
  if (!certificate.checkPrivateKey(privateKey))
    throw fail('FT_ERR_TLS', [
      certFrom.name,
      `it is not the certificate of the key ${keyFrom.name}`,
    ])
  const given = typeof servername === 'string' ? [servername] : servername
  const identity = {
    key,
    cert,
    servernames: (given ?? namesOf(certificate)).map((name) => name.toLowerCase()),
    ...(ca.length === 0 ? {} : { ca: ca.map((one) => attempt(one, one.read)) }),
    ...defined({ passphrase, minVersion, maxVersion, ciphers }),
  }
  // The rest: a chain that is none, ciphers that nobody knows, versions in the wrong order.
  attempt(certFrom, () => nodeTls().createSecureContext(identity))
  return identity
}

function attempt<T>({ name }: Material, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw fail('FT_ERR_TLS', [name, error instanceof Error ? error.message : String(error)], error)
  }
}

/** The host names of a certificate. */
function namesOf({ subjectAltName = '', subject }: X509Certificate): string[] {
  const names = [...subjectAltName.matchAll(/(?:^|, )DNS:([^,"\s]+)/g)].map(([, name = '']) => name)
  if (names.length > 0) return names
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1]
  return common === undefined ? [] : [common]
}

function defined<T extends object>(values: T): { [name in keyof T]: NonNullable<T[name]> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [name in keyof T]: NonNullable<T[name]> }
}
