import type { SerializedError } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'
import { LockOwner } from '../sync/child-memory.js'
import type { ClearHttp } from '../sync/clear-http.js'
import { LateRefusal } from '../sync/late-refusal.js'
import { ListenerThread } from './listener-thread.js'
import type { Listening } from './listening.js'
import type { Shared } from './open-shared.js'
import { RefusalWatch } from './refusal-watch.js'
import { ThreadWatches } from './thread-watches.js'

/** With an accept mutex a listener thread, which may start before the worker threads; without, each worker thread. */
export function openListening(
  start: StartChild,
  shared: Shared,
  clearHttp: ClearHttp,
  report: (error: SerializedError) => void,
): Listening {
  const { mechanism } = shared
  if (mechanism.kind === 'mutex') return new ListenerThread(start, { ...shared, mechanism }, report)
  const { slot, overload } = start
  const { acceptor, handOff, scoreboard, mailbox } = shared
  const refusal = new LateRefusal({
    ...{ slot, acceptor, handOff, scoreboard, mailbox, clearHttp },
    queueTimeout: overload.queueTimeout,
    keep: (entry) => void handOff.offerLater(LockOwner.control, entry),
  })
  void new RefusalWatch(slot, handOff, scoreboard, refusal).run()
  return new ThreadWatches(shared, mechanism.passOn)
}
