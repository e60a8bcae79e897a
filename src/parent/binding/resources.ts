import { closeSync } from 'node:fs'
import { type Address, parseAddress } from '../../options/address.js'
import type { Settings } from '../../options/options.js'
import { fromStartFolder } from '../../shared/start-folder.js'
import type { Identity } from '../../shared/terms.js'
import { monotonicMs } from '../../sync/clock.js'
import { CommonCounts } from '../../sync/common-counts.js'
import type { DescriptorEnds } from '../../sync/descriptor-ends.js'
import { Scoreboard } from '../../sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '../../sync/scoreboard-layout.js'
import { TicketKeys } from '../../sync/ticket-keys.js'
import { openDescriptorSockets } from '../../sys/descriptor-socket.js'
import { openEventDescriptor } from '../../sys/event-descriptor.js'
import { createSharedMemory } from '../../sys/memory.js'
import type { Predecessor } from '../upgrade/predecessor.js'
import { chooseMechanism } from './choose-mechanism.js'
import { createLockFiles } from './create-lock-files.js'
import { childIdentity } from './identity.js'
import type { Listener } from './listener.js'
import type { LockFiles, Mechanism } from './lock-files.js'
import { accessLogOf, prepareLogFile } from './log-file.js'
import { mayMail, mayPark } from './may-park.js'
import { openListeners } from './open-listeners.js'
import { openAdmin, openReadOnly } from './open-own-addresses.js'
import { PidFile } from './pid-file.js'

/** The kernel caps it (`wmem_max`); by default there is room for some hundred connections. */
const MAILBOX_BYTES = 2 ** 22

/** Some dozens: nobody watches those that are in there. */
const TRANSFER_BYTES = 2 ** 15

/** Everything that a pool holds beside its children, and must give back at the end. */
export interface Resources {
  /** Where to listen was not said: the handler may be a program that says so. */
  readonly learns: boolean
  /** Why a handler could not be served where it should. */
  readonly refused?: Error
  readonly listeners: readonly Listener[]
  /** What `listen` says of each. */
  readonly addresses: readonly Address[]
  /** Which entry of `listen` that is. */
  readonly entries: readonly number[]
  readonly mechanism: Mechanism
  readonly lockFiles: LockFiles
  readonly scoreboardFd: number
  readonly scoreboard: Scoreboard
  /** Bound for the admin address, if there is one. */
  readonly admin: Listener | undefined
  /** Bound for those who only read, if there are any. */
  readonly metrics: Listener | undefined
  /** Bound for HAProxy's agent-check, if there is one. */
  readonly agent: Listener | undefined
  /** As whom the children run, if not as the parent does. */
  readonly identity: Identity | undefined
  readonly pidFile: PidFile | undefined
  /** The pass-on descriptor, where there is no accept mutex. */
  readonly passOn: number | undefined
  /** Where connections may be parked. */
  readonly mailbox: DescriptorEnds | undefined
  /** The way of idle connections to those who stay; after an upgrade it is the old parent's. */
  readonly transfer: DescriptorEnds | undefined
  /** Memory with the key of the session tickets. */
  readonly ticketKeys: number
  /** What the pool has counted, under all of its parents. */
  readonly counts: CommonCounts
  readonly countsFd: number
}

/**
 * Binds and creates everything, or nothing. What a predecessor has bound is taken over from it.
 * @throws see `createPool`
 */
export async function acquireResources(
  settings: Settings,
  predecessor: Predecessor | undefined,
  learns = false,
): Promise<Resources> {
  // What was acquired is given back in the opposite order if a later step fails.
  const undo: (() => void)[] = []
  try {
    const wanted = settings.listen.map((one) => parseAddress(one))
    const canMail = mayMail(settings)
    const identity = childIdentity(settings)
    prepareLogFile(accessLogOf(settings), identity)
    const pidFile = claimPidFile(settings, predecessor)
    if (pidFile !== undefined) undo.push(() => pidFile.release())
    const listeners: Listener[] = []
    undo.push(() => {
      for (const listener of listeners) listener.close()
    })
    const entries = await openListeners(wanted, settings, predecessor, listeners)
    const addresses = entries.flatMap((entry) => wanted[entry] ?? [])
    const mechanism = chooseMechanism(settings, listeners.length)
    const admin =
      settings.admin === undefined ? undefined : await openAdmin(settings.admin, predecessor)
    if (admin !== undefined) undo.push(() => admin.close())
    const agent = await openReadOnly('agentCheck', settings, predecessor)
    if (agent !== undefined) undo.push(() => agent.close())
    const metrics = await openReadOnly('metrics', settings, predecessor)
    if (metrics !== undefined) undo.push(() => metrics.close())
    const lockFiles = createLockFiles(mechanism, settings.acceptPermits, identity)
    undo.push(() => lockFiles.remove())
    const scoreboardFd = createSharedMemory('forkthread', SCOREBOARD_BYTES)
    undo.push(() => closeSync(scoreboardFd))
    const scoreboard = Scoreboard.map(scoreboardFd)
    scoreboard.format()
    const passOn =
      mechanism === 'none' ? (predecessor?.takePassOn() ?? openEventDescriptor()) : undefined
    if (passOn !== undefined) undo.push(() => closeSync(passOn))
    const ticketKeys = predecessor?.takeTicketKeys() ?? TicketKeys.create()
    undo.push(() => closeSync(ticketKeys))
    TicketKeys.map(ticketKeys).rotate(monotonicMs())
    const countsFd = acquireCounts(predecessor)
    undo.push(() => closeSync(countsFd))
    const counts = CommonCounts.map(countsFd)
    if (counts === undefined) throw new Error('unreachable: this memory is of this layout')
    const transfer = mayPark(settings)
      ? (predecessor?.takeTransfer() ?? openDescriptorSockets(TRANSFER_BYTES))
      : undefined
    if (transfer !== undefined) undo.push(() => closeEnds(transfer))
    const mailbox = canMail ? openDescriptorSockets(MAILBOX_BYTES) : undefined
    if (mailbox !== undefined) undo.push(() => closeEnds(mailbox))
    predecessor?.closeRest()
    return {
      ...{ learns, listeners, addresses, entries, admin, agent, metrics, identity, pidFile },
      ...{ mechanism, lockFiles, scoreboardFd, scoreboard, passOn, mailbox, transfer, ticketKeys },
      ...{ counts, countsFd },
    }
  } catch (error) {
    for (const step of undo.reverse()) step()
    predecessor?.closeRest()
    throw error
  }
}

/** The old parent's, so that no count goes back; a new one if that is of another version which has counted otherwise. */
function acquireCounts(predecessor: Predecessor | undefined): number {
  const inherited = predecessor?.takeCounts()
  if (inherited === undefined) return CommonCounts.create()
  if (CommonCounts.map(inherited) !== undefined) return inherited
  closeSync(inherited)
  return CommonCounts.create()
}

function claimPidFile(
  { pidFile, umask = 0 }: Settings,
  predecessor: Predecessor | undefined,
): PidFile | undefined {
  if (pidFile === undefined) return undefined
  if (predecessor !== undefined && predecessor.pidFile === fromStartFolder(pidFile))
    return PidFile.takeOver(pidFile, umask, predecessor.pid)
  return PidFile.claim(pidFile, umask)
}

/** Gives everything back but what listens: the listeners are closed at the beginning of the end, the other addresses by who answers there. */
export function releaseResources(resources: Resources): void {
  const { lockFiles, pidFile, scoreboardFd, passOn, mailbox, transfer, ticketKeys } = resources
  closeSync(scoreboardFd)
  closeSync(resources.countsFd)
  closeSync(ticketKeys)
  if (passOn !== undefined) closeSync(passOn)
  if (mailbox !== undefined) closeEnds(mailbox)
  if (transfer !== undefined) closeEnds(transfer)
  lockFiles.remove()
  pidFile?.release()
}

/** Gives everything back before anything was started with it. */
export function returnResources(resources: Resources): void {
  const { listeners, admin, agent, metrics } = resources
  for (const one of [...listeners, admin, agent, metrics]) one?.close()
  releaseResources(resources)
}

function closeEnds({ sendEnd, receiveEnd }: DescriptorEnds): void {
  closeSync(sendEnd)
  closeSync(receiveEnd)
}
