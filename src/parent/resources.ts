import { closeSync } from 'node:fs'
import type { Settings } from '../options.js'
import { SCOREBOARD_BYTES, Scoreboard } from '../sync/scoreboard.js'
import { openEventDescriptor } from '../sys/event-descriptor.js'
import { createSharedMemory, mapSharedMemory } from '../sys/memory.js'
import { parseAddress } from './address.js'
import { chooseMechanism } from './choose-mechanism.js'
import { Listener } from './listener.js'
import { LockFolder } from './lock-folder.js'

/** Everything that a pool holds beside its children, and must give back at the end. */
export interface Resources {
  readonly listeners: readonly Listener[]
  readonly mechanism: 'flock' | 'fcntl' | 'none'
  readonly lockFolder: LockFolder
  readonly scoreboardFd: number
  readonly scoreboard: Scoreboard
  /** The pass-on descriptor, where there is no accept mutex. */
  readonly passOn: number | undefined
}

/** Binds and creates everything, or nothing. @throws see `createPool` */
export async function acquireResources(settings: Settings): Promise<Resources> {
  // What was acquired is given back in the opposite order if a later step fails.
  const undo: (() => void)[] = []
  try {
    const addresses = settings.listen.map(parseAddress)
    const mechanism = chooseMechanism(settings)
    const listeners: Listener[] = []
    for (const address of addresses) {
      const listener = await Listener.open(address, settings)
      undo.push(() => listener.close())
      listeners.push(listener)
    }
    const lockFolder = new LockFolder(mechanism, settings.acceptPermits)
    undo.push(() => lockFolder.remove())
    const scoreboardFd = createSharedMemory('forkthread', SCOREBOARD_BYTES)
    undo.push(() => closeSync(scoreboardFd))
    const scoreboard = new Scoreboard(mapSharedMemory(scoreboardFd, SCOREBOARD_BYTES))
    scoreboard.format()
    const passOn = mechanism === 'none' ? openEventDescriptor() : undefined
    return { listeners, mechanism, lockFolder, scoreboardFd, scoreboard, passOn }
  } catch (error) {
    for (const step of undo.reverse()) step()
    throw error
  }
}

/** Gives everything back but the listeners, which are closed at the beginning of the end. */
export function releaseResources({ lockFolder, scoreboardFd, passOn }: Resources): void {
  closeSync(scoreboardFd)
  if (passOn !== undefined) closeSync(passOn)
  lockFolder.remove()
}
