import { unlinkSync } from 'node:fs'
import type { Address } from '../../options/address.js'
import { fail } from '../../shared/errors.js'
import { constants } from '../../sys/constants.js'
import { systemErrorName } from '../../sys/libc.js'
import { type ListenOptions, openListener } from '../../sys/socket.js'
import { resolveHost } from './resolve-host.js'
import { claimUnixPath } from './unix-path.js'
import { setUnixRights, type UnixRights } from './unix-rights.js'

export interface ListenerOptions extends ListenOptions {
  /** Which option of the pool asks for it, for errors; `listen` if it is not given. */
  readonly option?: string
  readonly unixRights: UnixRights
}

/** An address to be bound here, and not one of a socket from outside. */
export type OwnAddress = Extract<Address, { kind: 'tcp' | 'unix' | 'abstract' }>

/** Binds and listens. @throws see `Listener.open`; what the system says is explained by `whyNotBound` */
export async function bindAddress(address: OwnAddress, options: ListenerOptions): Promise<number> {
  switch (address.kind) {
    case 'unix': {
      const { path } = address
      const onBound = (): void => setRightsOrRemove(path, options.unixRights)
      return await claimUnixPath(path, options.option ?? 'listen', () =>
        openListener({ family: 'unix', path }, options, onBound),
      )
    }
    case 'abstract':
      return openAbstract(address.name, options)
    case 'tcp':
      return await openTcp(address.host, address.port, options)
  }
}

/** The path is bound already, so it is ours to remove if this fails. */
function setRightsOrRemove(path: string, rights: UnixRights): void {
  try {
    setUnixRights(path, rights)
  } catch (error) {
    unlinkSync(path)
    throw error
  }
}

function openAbstract(name: string, options: ListenerOptions): number {
  const refuse = (why: string): Error => fail('FT_ERR_SOCKET_PATH', [`@${name}`, why])
  if (process.platform !== 'linux') throw refuse('names that begin with @ exist on Linux only')
  const bytes = Buffer.byteLength(name)
  if (bytes >= constants.unixPathSize) throw refuse(`it has ${bytes} bytes behind the @`)
  return openListener({ family: 'abstract', name }, options)
}

async function openTcp(
  host: string | undefined,
  port: number,
  options: ListenerOptions,
): Promise<number> {
  if (host !== undefined) {
    const { family, address } = await resolveHost(host)
    return openListener({ family, host: address, port }, options)
  }
  try {
    return openListener({ family: 6, host: '::', port }, options)
  } catch (error) {
    // A machine without IPv6.
    const name = systemErrorName(error)
    if (name !== 'EAFNOSUPPORT' && name !== 'EADDRNOTAVAIL') throw error
    return openListener({ family: 4, host: '0.0.0.0', port }, options)
  }
}

/** An address as errors call it, however it was written. */
export function originOf(address: OwnAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  if (address.kind === 'abstract') return `unix:@${address.name}`
  if (address.host === undefined) return `port ${address.port}`
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** `name` as `originOf` says it, `option` that which asks for it. What is none of the usual reasons stays as it is. */
export function whyNotBound(error: unknown, name: string, option: string): unknown {
  switch (systemErrorName(error)) {
    case 'EADDRINUSE':
      return fail('FT_ERR_ADDRESS_IN_USE', [name, option], error)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return fail('FT_ERR_ADDRESS_DENIED', [name, option], error)
    case 'EADDRNOTAVAIL':
      return fail('FT_ERR_ADDRESS_NOT_LOCAL', [name, option], error)
    default:
      return error
  }
}
