import { closeSync } from 'node:fs'
import { type Address, parseAddress } from '../address.js'
import { fail } from '../errors.js'
import { metaOf, type Settings } from '../options.js'
import { SCOREBOARD_BYTES, Scoreboard } from '../sync/scoreboard.js'
import { openEventDescriptor } from '../sys/event-descriptor.js'
import { createSharedMemory, mapSharedMemory } from '../sys/memory.js'
import { chooseMechanism } from './choose-mechanism.js'
import { Listener, type ListenerOptions, originOf } from './listener.js'
import { LockFolder } from './lock-folder.js'
import type { Predecessor } from './predecessor.js'

/** Everything that a pool holds beside its children, and must give back at the end. */
export interface Resources {
  readonly listeners: readonly Listener[]
  readonly mechanism: 'flock' | 'fcntl' | 'none'
  readonly lockFolder: LockFolder
  readonly scoreboardFd: number
  readonly scoreboard: Scoreboard
  /** Bound for the admin address, if there is one. */
  readonly admin: Listener | undefined
  /** The pass-on descriptor, where there is no accept mutex. */
  readonly passOn: number | undefined
}

/**
 * Binds and creates everything, or nothing. What a predecessor has bound is taken over from it.
 * @throws see `createPool`
 */
export async function acquireResources(
  settings: Settings,
  predecessor: Predecessor | undefined,
): Promise<Resources> {
  // What was acquired is given back in the opposite order if a later step fails.
  const undo: (() => void)[] = []
  try {
    const addresses = settings.listen.map(parseAddress)
    const mechanism = chooseMechanism(settings)
    const listeners: Listener[] = []
    for (const address of addresses) {
      const listener = await openListener(address, settings, predecessor)
      undo.push(() => listener.close())
      listeners.push(listener)
    }
    const admin =
      settings.admin === undefined ? undefined : await openAdmin(settings.admin, predecessor)
    if (admin !== undefined) undo.push(() => admin.close())
    const lockFolder = new LockFolder(mechanism, settings.acceptPermits)
    undo.push(() => lockFolder.remove())
    const scoreboardFd = createSharedMemory('forkthread', SCOREBOARD_BYTES)
    undo.push(() => closeSync(scoreboardFd))
    const scoreboard = new Scoreboard(mapSharedMemory(scoreboardFd, SCOREBOARD_BYTES))
    scoreboard.format()
    const passOn =
      mechanism === 'none' ? (predecessor?.takePassOn() ?? openEventDescriptor()) : undefined
    predecessor?.closeRest()
    return { listeners, admin, mechanism, lockFolder, scoreboardFd, scoreboard, passOn }
  } catch (error) {
    for (const step of undo.reverse()) step()
    predecessor?.closeRest()
    throw error
  }
}

async function openListener(
  address: Address,
  options: ListenerOptions,
  predecessor: Predecessor | undefined,
): Promise<Listener> {
  const origin = originOf(address)
  const taken = predecessor?.takeListener(origin)
  if (taken === undefined) return await Listener.open(address, options)
  const { fd, isOurs } = taken
  const owner = isOurs ? 'predecessor' : 'outside'
  return Listener.adopt(fd, { origin, backlog: options.backlog, owner })
}

const ADMIN_BACKLOG = 16
const OWNER_ONLY = 0o177

/**
 * The admin address tells much and will do more, so it is for this machine only: loopback, or a unix path that only its
 * owner may open.
 * @throws FT_ERR_OPTION for any other address, and what `Listener.open` throws
 */
async function openAdmin(
  given: string | number,
  predecessor: Predecessor | undefined,
): Promise<Listener> {
  const address = parseAddress(typeof given === 'number' ? `127.0.0.1:${given}` : given)
  if (address.kind === 'tcp' && !LOOPBACK.test(address.host ?? ''))
    throw fail('FT_ERR_OPTION', ['admin', given, metaOf('admin').allowed])
  const before = process.umask(OWNER_ONLY)
  try {
    return await openListener(address, { backlog: ADMIN_BACKLOG, ipv6Only: false }, predecessor)
  } finally {
    process.umask(before)
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/

/** Gives everything back but the listeners, which are closed at the beginning of the end. */
export function releaseResources({ lockFolder, scoreboardFd, passOn }: Resources): void {
  closeSync(scoreboardFd)
  if (passOn !== undefined) closeSync(passOn)
  lockFolder.remove()
}
