import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { fail } from './errors.js'

/** Where the user wants to listen. */
export type Address =
  /** No host: every interface, IPv6 and IPv4. */
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

const PORT = /^\d{1,5}$/
const HOST_PORT = /^([^:[\]\s/]+):(\d{1,5})$/
const V6_PORT = /^\[([^\]]+)\]:(\d{1,5})$/
/** A path with a zero byte would end there for the kernel. */
const UNIX = /^unix:([^\0]+)$/

/** @throws FT_ERR_ADDRESS */
export function parseAddress(given: string | number): Address {
  const text = String(given)
  const unix = UNIX.exec(text)?.[1]
  if (unix !== undefined) return { kind: 'unix', path: resolve(unix) }
  if (PORT.test(text)) return tcp(given, undefined, text)
  const v6 = V6_PORT.exec(text)
  if (v6 !== null && isIPv6(v6[1] ?? '')) return tcp(given, v6[1], v6[2])
  const named = HOST_PORT.exec(text)
  if (named !== null) return tcp(given, named[1], named[2])
  throw fail('FT_ERR_ADDRESS', [given])
}

function tcp(given: unknown, host: string | undefined, portText: string | undefined): Address {
  const port = Number(portText)
  if (port > 65_535) throw fail('FT_ERR_ADDRESS', [given])
  return { kind: 'tcp', host, port }
}
