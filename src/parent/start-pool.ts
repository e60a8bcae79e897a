import type { EventEmitter } from 'node:events'
import type { LoadAdmin, Stats } from '../shared/stats.js'
import { adminSource } from './answers/admin-source.js'
import type { Obedient } from './answers/orders.js'
import type { PoolParts } from './assemble-pool.js'
import type { PoolEvents } from './pool-events.js'
import { readyNotice } from './systemd/ready-notice.js'
import { requireTls } from './tls/require-tls.js'
import type { Predecessor } from './upgrade/predecessor.js'
import { isAbleToServe } from './upkeep/able-to-serve.js'

export interface StartTerms {
  readonly loadAdmin: LoadAdmin
  readonly signal: AbortSignal | undefined
  readonly predecessor: Predecessor | undefined
}

/** Resolves when the pool serves. If it can't, nothing is left of it. @throws see `createPool`; the reason of `signal` */
export async function startPool(
  pool: Obedient & { stats(): Stats },
  parts: PoolParts,
  { loadAdmin, signal, predecessor }: StartTerms,
): Promise<void> {
  const { answers, closing } = parts
  const answer = (): Promise<void> => answers.open(loadAdmin, adminSource(pool, parts))
  if (predecessor !== undefined) follow(predecessor, parts)
  closing.obey(signal)
  try {
    const begun = begin(pool, parts, predecessor)
    // The children are forked by now, and load as this does. During an upgrade the old parent answers: that the new one is not ready yet is no
    // matter of load balancers.
    if (predecessor === undefined) await Promise.all([begun, answer()])
    else await begun
    signal?.throwIfAborted()
    if (predecessor !== undefined) await answer()
  } catch (error) {
    await closing.abandon()
    throw signal?.aborted ? signal.reason : error
  }
}

/** Until the old parent is gone its children count, log, lead and hand on connections, beside those of this one. */
function follow(predecessor: Predecessor, parts: PoolParts): void {
  const { listening, answers, children, otherParent, handover, leadership } = parts
  // It leaves, or has died, be it while this one still starts: the unix paths are this one's to remove.
  predecessor.onLeave(() => {
    listening.claim()
    answers.claim()
  })
  const isGone = predecessor.untilGone()
  children.takeover.followOthers(isGone)
  otherParent.heed()
  void isGone.then(() => {
    if (!handover.isDone) otherParent.forget()
  })
  // Its threads lead until they are gone.
  void isGone.then(() => leadership.begin())
}

async function begin(
  pool: EventEmitter<PoolEvents>,
  parts: PoolParts,
  predecessor: Predecessor | undefined,
): Promise<void> {
  const { resources, state, children, upkeep, listening, reloads, systemd } = parts
  listening.serves(await upkeep.open())
  requireTls(children.generation.terms.listenerTerms, listening.kinds)
  // A handler that is no program is to be served there, and can't be.
  if (resources.refused !== undefined) throw resources.refused
  // An abort during the start has moved on to closing, and closed the listeners.
  if (state.now !== 'starting') return
  listening.deferAccept(reloads.settings.deferAccept)
  // Last, so that whoever reads the pid file may use the pool at once. After an upgrade all of it is the old parent's until that leaves.
  if (predecessor === undefined) resources.pidFile?.write()
  else predecessor.onLeave(() => writePidFile(parts))
  state.move('serving')
  systemd.notify(readyNotice(listening.addresses, children.generation.number))
  parts.files?.open()
  parts.tls.start()
  // While the pool closes it only has to end, which `drainTimeout` sees to.
  systemd.startWatchdog(
    (intervalMs) => state.now === 'closing' || isAbleToServe(children.all, intervalMs),
  )
  tellWhenHeard(pool, parts)
}

/** After `createPool` has resolved, so that somebody may listen. */
function tellWhenHeard(
  pool: EventEmitter<PoolEvents>,
  { children, listening, news }: PoolParts,
): void {
  const early = news.notes
  setImmediate(() => {
    for (const { slot: process, pid, generation } of children.all)
      pool.emit('child', { process, pid, generation })
    pool.emit('listening', listening.addresses)
    for (const text of early) news.decide('adopt', text)
  })
}

function writePidFile({ state, resources, news }: PoolParts): void {
  if (state.now === 'closed') return
  try {
    resources.pidFile?.write()
  } catch (error) {
    news.report(error as Error)
  }
}
