import type { SocketAddress } from '../sys/sockaddr.js'

/** Where an app asks its server to listen. */
export type Asked =
  /** Without a host on every interface. */
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** A server of the app that the pool serves. */
export interface Claim<Server> {
  readonly server: Server
  /** None for a server that was exported and has not been told to listen. */
  readonly asked: Asked | undefined
  /** Numbers of the pool's listeners whose connections are its own. */
  readonly listeners: readonly number[]
}

export type Decision =
  /** It gets the connections of these listeners. `isExact`: it has asked for where they listen. */
  | { readonly action: 'adopt'; readonly listeners: readonly number[]; readonly isExact: boolean }
  /** Another server has the port by another name, and gets all of it; this is one of its listeners. */
  | { readonly action: 'alias'; readonly listener: number | undefined }
  /** Another server of the app has this very address. */
  | { readonly action: 'in use' }
  /** The pool does not listen there, and what it has is for others. */
  | { readonly action: 'refuse' }

/**
 * What becomes of a server that is told to listen: the pool's listeners are the truth. A server gets those that it has asked for; the
 * first one, whatever it asks for, all that no other one asks for. Two at one port share it as far as the pool listens at both hosts.
 */
export function decideAdoption<Server>(
  asked: Asked,
  listeners: readonly SocketAddress[],
  claims: readonly Claim<Server>[],
): Decision {
  const own = indexesOf(listeners, (listener) => isAt(listener, asked))
  const same = claims.filter((one) => one.asked !== undefined && isSamePort(asked, one.asked))
  if (same.some((one) => one.asked !== undefined && hostOf(asked) === hostOf(one.asked)))
    return { action: 'in use' }
  const [other] = same
  if (other !== undefined) {
    const exact = indexesOf(listeners, (listener) => isExactly(listener, asked))
    if (exact.length > 0 && exact.length < own.length)
      return { action: 'adopt', listeners: exact, isExact: true }
    return { action: 'alias', listener: other.listeners[0] }
  }
  if (claims.length === 0)
    return { action: 'adopt', listeners: [...listeners.keys()], isExact: own.length > 0 }
  return own.length === 0
    ? { action: 'refuse' }
    : { action: 'adopt', listeners: own, isExact: true }
}

function indexesOf<T>(all: readonly T[], is: (one: T) => boolean): number[] {
  return all.flatMap((one, index) => (is(one) ? [index] : []))
}

function isAt(listener: SocketAddress, asked: Asked): boolean {
  if (asked.kind === 'unix') return pathOf(listener) === asked.path
  return 'port' in listener && listener.port === asked.port
}

function isExactly(listener: SocketAddress, asked: Asked): boolean {
  return isAt(listener, asked) && 'host' in listener && listener.host === (hostOf(asked) ?? '::')
}

/** As Node names them: an abstract one begins with a zero byte. */
function pathOf(listener: SocketAddress): string | undefined {
  if (listener.family === 'unix') return listener.path
  return listener.family === 'abstract' ? `\0${listener.name}` : undefined
}

function isSamePort(one: Asked, other: Asked): boolean {
  if (one.kind === 'unix') return other.kind === 'unix' && one.path === other.path
  return other.kind === 'tcp' && one.port === other.port
}

function hostOf(asked: Asked): string | undefined {
  return asked.kind === 'tcp' ? asked.host : undefined
}

/** As messages call it. */
export function askedText(asked: Asked): string {
  if (asked.kind === 'unix') return `unix:${asked.path.replace(/^\0/, '@')}`
  const { host = '*', port } = asked
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
