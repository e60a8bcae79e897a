import { closeDescriptor } from '../sys/descriptor.js'
import { type AcceptTurn, NONE_ACCEPTED } from './acceptor.js'
import { LockOwner } from './child-memory.js'
import { descriptorOf } from './entry.js'
import type { FdQueue } from './fd-queue.js'
import type { ListenerSleep } from './listener-sleep.js'
import type { Mechanism } from './mechanism.js'
import type { Scoreboard } from './scoreboard.js'
import type { Standings } from './standings.js'

/** A worker thread accepts by itself: see `Mechanism.selfServe`. */
export class SelfService {
  readonly #slot: number
  readonly #scoreboard: Scoreboard
  readonly #queue: FdQueue
  readonly #standings: Standings
  readonly #listener: ListenerSleep
  readonly #mechanism: Mechanism

  constructor(
    slot: number,
    scoreboard: Scoreboard,
    queue: FdQueue,
    standings: Standings,
    listener: ListenerSleep,
    mechanism: Mechanism,
  ) {
    this.#slot = slot
    this.#scoreboard = scoreboard
    this.#queue = queue
    this.#standings = standings
    this.#listener = listener
    this.#mechanism = mechanism
  }

  /**
   * Queues up to `room` connections that this busy thread has accepted without a detour, and returns how many. They pass the queue, where they are safe should the
   * thread die, and other threads may take them as well. More than one only if nobody idles anywhere.
   */
  look(thread: number, room: number): number {
    return this.#mechanism.isSelfServed ? this.accept(thread, room).accepted : 0
  }

  /** The same, whether it has to look by itself or not. */
  accept(thread: number, room: number): AcceptTurn {
    if (this.#listener.isStopping) return NONE_ACCEPTED
    const isAlone =
      room > 1 && this.#standings.idleBits === 0 && this.#scoreboard.idleElsewhere(this.#slot) === 0
    const self = LockOwner.worker(thread)
    let fresh = 0
    const turn = this.#mechanism.selfServe(self, isAlone ? room : 1, (entry, isNew) => {
      if (isNew) fresh++
      // The ring has room for all that idle threads take at once, and none is idle; still better closed than leaked.
      if (this.#queue.push(self, entry)) return
      this.#queue.unhand(thread)
      closeDescriptor(descriptorOf(entry))
    })
    if (fresh > 0) this.#scoreboard.addToField(this.#slot, 'accepted', fresh)
    if (turn.broken > 0) this.#scoreboard.addToField(this.#slot, 'acceptErrors', turn.broken)
    return turn
  }
}
