import * as z from 'zod/mini'
import { list, oneOrList, text, whole } from './kinds.js'
import { ACCOUNT, account, octal, option } from './option.js'
import { listenerSchema, paths, tlsSchema } from './tls-options.js'

/** With systemd one address may be several listeners, which count each. */
export const MOST_LISTENERS = 64

/** For a handler. A program that was not told otherwise listens where it wants to. */
export const USUAL_LISTEN: readonly string[] = ['127.0.0.1:8080']

const address = z.union([whole(0, 65_535), text()])
const listener = z.union([address, listenerSchema(address)])

/** What is served, and where. */
export const servedOptions = {
  handler: option(z.union([text(), z.instanceof(URL)]), {
    allowed: 'the path or file URL of a module',
    meaning: 'the module with your handler',
  }),
  listen: option(z._default(oneOrList(listener, MOST_LISTENERS), [...USUAL_LISTEN]), {
    allowed: `an address or a list of up to ${MOST_LISTENERS}: PORT, HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME, fd:N, systemd or systemd:NAME, each with https:// in front for TLS, or in the API { address, tls } for TLS with other certificates than the rest`,
    fixed: true,
    meaning:
      'where to listen; a PORT alone is on every interface (default: the port that PORT in the environment says; else where the program listens, for a handler 127.0.0.1:8080)',
    placeholder: 'ADDRESS',
    repeatable: true,
  }),
  args: option(z._default(z.array(z.string()), []), {
    allowed: 'a list of texts',
    meaning: 'an argument for the module, in its process.argv; also all that follows a --',
    placeholder: 'TEXT',
    repeatable: true,
  }),
}

/** How it is listened there. */
export const listeningOptions = {
  backlog: option(z._default(whole(1, 65_535), 1024), {
    fixed: true,
    allowed: 'a whole number from 1 to 65535',
    meaning: 'connections that may wait in the kernel per listener (default: 1024)',
    placeholder: 'N',
  }),
  ipv6Only: option(z._default(z.boolean(), false), {
    fixed: true,
    allowed: 'true or false',
    meaning: 'an IPv6 listener leaves IPv4 clients out',
  }),
  reusePort: option(z._default(z.boolean(), false), {
    allowed: 'true or false',
    meaning:
      'SO_REUSEPORT: other sockets of this user may have the same port, and the kernel spreads connections over all',
    fixed: true,
  }),
  deferAccept: option(z.optional(z.boolean()), {
    allowed: 'true or false',
    meaning: 'Linux: accept a connection when its first bytes are there (default: on for HTTP)',
  }),
  tls: option(tlsSchema, {
    allowed:
      '{ key, cert } in PEM or as paths, with ca, passphrase, servername, minVersion, maxVersion, ciphers, requestCert, rejectUnauthorized or ALPNProtocols; or a list of these, told apart by the names in the certificates',
    meaning: 'serve https',
    isApiOnly: true,
  }),
  tlsKey: option(paths(), {
    allowed: 'the path of a private key in PEM, or a list; as many as tlsCert, and without tls',
    meaning: 'the private key for https:// addresses, in PEM; renewed when the file changes',
    placeholder: 'PATH',
    repeatable: true,
  }),
  tlsCert: option(paths(), {
    allowed: 'the path of a certificate in PEM, or a list; as many as tlsKey, and without tls',
    meaning:
      'its certificate, with the chain; several, each with its key, are chosen by the name that the client asks for',
    placeholder: 'PATH',
    repeatable: true,
  }),
  proxyProtocol: option(z._default(z.union([z.boolean(), list(address, MOST_LISTENERS)]), false), {
    allowed: 'true, false, or a list of those addresses of listen that are behind such a proxy',
    meaning:
      'connections begin with a PROXY header (v1 or v2) that tells the client; =ADDRESS for one listener only',
    fixed: true,
  }),
  socketMode: option(z.optional(octal(0o777)), {
    allowed: "a number from 0 to 0o777, or its octal digits as text, such as '0660'",
    meaning:
      'rights of unix paths (default: 0777 without the umask); to connect takes the right to write',
    placeholder: 'MODE',
    fixed: true,
  }),
  socketUser: option(z.optional(account), {
    allowed: ACCOUNT,
    meaning: 'owner of unix paths (default: who starts the pool)',
    placeholder: 'USER',
    fixed: true,
  }),
  socketGroup: option(z.optional(account), {
    allowed: ACCOUNT,
    meaning: 'group of unix paths (default: that of who starts the pool)',
    placeholder: 'GROUP',
    fixed: true,
  }),
}
