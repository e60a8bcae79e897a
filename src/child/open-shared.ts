import type { StartChild } from '../shared/messages-to-child.js'
import { Acceptor } from '../sync/acceptor.js'
import { createChildMemory } from '../sync/child-memory.js'
import { createMechanism, type MechanismTerms } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { Mailbox } from '../sync/mailbox.js'
import type { ParkingTerms } from '../sync/parking.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { Epoll } from '../sys/epoll.js'
import { openEventDescriptor } from '../sys/event-descriptor.js'

/** What the threads of a child share, as its main thread has it. */
export interface Shared {
  readonly scoreboard: Scoreboard
  readonly memory: SharedArrayBuffer
  readonly handOff: HandOff
  readonly acceptor: Acceptor
  readonly mailbox: Mailbox | undefined
  /** What the others need to open the same. */
  readonly mechanism: MechanismTerms
  readonly parking: ParkingTerms | undefined
}

export function openShared(start: StartChild, lockFiles: readonly number[]): Shared {
  const scoreboard = Scoreboard.map(start.scoreboard)
  if (!scoreboard.isFormatted) throw new Error('the inherited descriptor is not a scoreboard')
  const memory = createChildMemory()
  const mechanism = openMechanism(start, lockFiles)
  const mailbox = start.mailbox === undefined ? undefined : new Mailbox(start.mailbox, scoreboard)
  const acceptor = new Acceptor(start.listeners, mailbox, memory)
  const ours = createMechanism(mechanism, memory, acceptor)
  const handOff = new HandOff(memory, scoreboard, start.slot, ours)
  return { scoreboard, memory, handOff, acceptor, mailbox, mechanism, parking: openParking(start) }
}

/** Opens what the threads of this child share to accept. */
function openMechanism(start: StartChild, files: readonly number[]): MechanismTerms {
  const { acceptMutex, acceptPermits, listeners, passOn, slot } = start
  if (acceptMutex === 'none') return { kind: 'exclusive', listeners, passOn }
  const mutex = { mechanism: acceptMutex, files, permits: acceptPermits, first: slot }
  return { kind: 'mutex', listeners, mutex }
}

/** Opens what the threads of this child share to park connections. */
function openParking({ mailbox }: StartChild): ParkingTerms | undefined {
  if (mailbox === undefined) return undefined
  return { epoll: Epoll.create().fd, wake: openEventDescriptor() }
}
