import { setTimeout as sleep } from 'node:timers/promises'
import { LockOwner } from '../sync/child-memory.js'
import { acceptedBy } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Mailbox } from '../sync/mailbox.js'
import { acceptConnection } from '../sys/socket.js'

/** Handshakes that had begun when the parent shut the listeners end within one round trip of their clients. */
const LAST_HANDSHAKES_MS = 50

/**
 * Accepts what waits in the backlogs, for a pool that stops: connections that the kernel has accepted already would be reset
 * when the last descriptor of the listener closes. The parent has shut the listeners before, so nothing comes behind the last
 * look but what had begun by then. All children do this at the same time and without the mutex, which only saves
 * needless wake-ups.
 */
export async function acceptRest(
  listeners: readonly number[],
  isEnding: (index: number) => boolean,
  handOff: HandOff,
): Promise<void> {
  const acceptWaiting = async (): Promise<void> => {
    for (const [index, listener] of listeners.entries()) {
      if (!isEnding(index)) continue
      for (let fd = acceptConnection(listener); fd >= 0; fd = acceptConnection(listener))
        await handOff.offerLater(LockOwner.control, acceptedBy(index, fd))
    }
  }
  await acceptWaiting()
  await sleep(LAST_HANDSHAKES_MS)
  await acceptWaiting()
}

/**
 * Takes what waits in the mailbox, for a child with no successor that shares it. Each child looks after its own parker has
 * stopped, so nothing is put in behind the last look (see `Shedding` for what a worker thread puts in).
 */
export async function serveMailbox(mailbox: Mailbox, handOff: HandOff): Promise<void> {
  for (let entry = mailbox.take(); entry >= 0; entry = mailbox.take())
    await handOff.offerLater(LockOwner.control, entry)
}
