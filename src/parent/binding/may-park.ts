import { endianness } from 'node:os'
import type { Settings } from '../../options/options.js'
import { metaOf } from '../../options/schema.js'
import { fail } from '../../shared/errors.js'
import { hasEpoll } from '../../sys/epoll.js'

/** The messages that carry descriptors are laid out by hand, for these. */
const is64Bit = ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64'].includes(process.arch)

const isPossible = hasEpoll && is64Bit && endianness() === 'LE'

/**
 * Whether idle connections may be parked here: parking stands on Linux's epoll.
 * @throws FT_ERR_OPTION for `park` where that can't be
 */
export function mayPark({ keepAlive }: Settings): boolean {
  if (keepAlive === 'park' && !isPossible)
    throw fail('FT_ERR_OPTION', ['keepAlive', keepAlive, metaOf('keepAlive').allowed])
  return keepAlive !== 'pin' && isPossible
}

/** Whether there is a use for a mailbox: parked connections, or those that were accepted to be refused and found young. */
export function mayMail(settings: Settings): boolean {
  return mayPark(settings) || (isPossible && settings.queueTimeout > 0)
}
