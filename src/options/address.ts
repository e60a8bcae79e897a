import { isIPv6 } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { fail } from '../shared/errors.js'
import { fromStartFolder } from '../shared/start-folder.js'

/** Where the user wants to listen. */
export type Address = Place & {
  /** `https://` or `tls://` stood in front. */
  readonly isSecure?: true
}

type Place =
  /** No host: every interface, IPv6 and IPv4. */
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  /** Linux: a unix socket whose name is in no file system. */
  | { readonly kind: 'abstract'; readonly name: string }
  /** A listening socket that this process has inherited. */
  | { readonly kind: 'fd'; readonly fd: number }
  /** What systemd has passed: all of it, or what the socket unit calls by this name. */
  | { readonly kind: 'systemd'; readonly name: string | undefined }

const PORT = /^\d{1,5}$/
const HOST_PORT = /^([^:[\]\s/]+):(\d{1,5})$/
/** Without a port, for the scheme that has one of its own. */
const HOST_ALONE = /^(?!systemd$)([^:[\]\s/]+|\[[^\]]+\])$/
const V6_PORT = /^\[([^\]]+)\]:(\d{1,5})$/
/** A path with a zero byte would end there for the kernel, and a name would not be what is shown. */
const ABSTRACT = /^unix:@([^\0]+)$/
const UNIX = /^unix:(?!@)([^\0]+)$/
/** 0 to 2 are the standard streams. */
const FD = /^fd:([3-9]|[1-9]\d{1,5})$/
/** FileDescriptorName= in systemd.socket(5): no control characters and no colon. */
const SYSTEMD = /^systemd(?::([^\p{Cc}:]{1,255}))?$/u

/** As the ready lines and `pool.addresses` name such listeners, too. */
const SECURE = /^(https|tls):\/\//
const HTTPS_PORT = 443

/** `option` is the one that it was given to. @throws FT_ERR_ADDRESS */
export function parseAddress(given: string | number, option = 'listen'): Address {
  const text = String(given)
  const place = parseText(text)
  if (place === undefined) throw fail('FT_ERR_ADDRESS', [given, option])
  return place
}

function parseText(text: string): Address | undefined {
  const [prefix, protocol] = SECURE.exec(text) ?? []
  if (prefix === undefined) return parsePlace(text)
  const rest = text.slice(prefix.length).replace(/\/$/, '')
  const isHostAlone = protocol === 'https' && HOST_ALONE.test(rest) && !PORT.test(rest)
  const place = parsePlace(isHostAlone ? `${rest}:${HTTPS_PORT}` : rest)
  return place === undefined ? undefined : { ...place, isSecure: true }
}

/** Whether two name the same place to listen at. */
export function isSamePlace(
  { isSecure: _, ...one }: Address,
  { isSecure: __, ...other }: Address,
): boolean {
  return isDeepStrictEqual(one, other)
}

function parsePlace(text: string): Place | undefined {
  const name = ABSTRACT.exec(text)?.[1]
  if (name !== undefined) return { kind: 'abstract', name }
  const unix = UNIX.exec(text)?.[1]
  if (unix !== undefined) return { kind: 'unix', path: fromStartFolder(unix) }
  // Before HOST:PORT, whose form these have, too.
  const fd = FD.exec(text)?.[1]
  if (fd !== undefined) return { kind: 'fd', fd: Number(fd) }
  const systemd = SYSTEMD.exec(text)
  if (systemd !== null) return { kind: 'systemd', name: systemd[1] }
  if (PORT.test(text)) return tcp(undefined, text)
  const v6 = V6_PORT.exec(text)
  if (v6 !== null && isIPv6(v6[1] ?? '')) return tcp(v6[1], v6[2])
  const named = HOST_PORT.exec(text)
  if (named !== null && named[1] !== 'fd') return tcp(named[1], named[2])
  return undefined
}

function tcp(host: string | undefined, portText: string | undefined): Place | undefined {
  const port = Number(portText)
  return port > 65_535 ? undefined : { kind: 'tcp', host, port }
}
