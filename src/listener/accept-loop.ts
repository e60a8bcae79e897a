import { constants as osConstants } from 'node:os'
import { LockOwner } from '../sync/child-memory.js'
import type { AcceptMutex } from '../sync/accept-mutex.js'
import type { HandOff } from '../sync/hand-off.js'
import { ListenerState, type Scoreboard } from '../sync/scoreboard.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { errno } from '../sys/libc.js'
import { PollSet } from '../sys/poll.js'
import { acceptConnection } from '../sys/socket.js'
import { acceptable, aheadOf, type Capacity, shouldStepBack } from './admission.js'

/**
 * What `accept` may say of a single connection, or of none: the next one may be fine. (accept(2): Linux
 * passes errors that are pending on the new socket; Stevens, UNP 16.6, has the connection that is gone again.)
 */
const { EAGAIN, ECONNABORTED, EINTR, EPROTO, EPERM, ENOPROTOOPT, EOPNOTSUPP } = osConstants.errno
const { ENETDOWN, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT } = osConstants.errno
const passing = new Set([EAGAIN, ECONNABORTED, EINTR, EPROTO, EPERM, ENOPROTOOPT, EOPNOTSUPP])
for (const network of [ENETDOWN, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT]) passing.add(network)

/** Anything else (no descriptors, no memory) only time can mend. The pause doubles up to the longest. */
const SHORTEST_BACKOFF_MS = 10
const LONGEST_BACKOFF_MS = 1000

/** How long a child without idle threads leaves a connection to one that has some; doubles while it lasts. */
const SHORTEST_STEP_BACK_MS = 2
const LONGEST_STEP_BACK_MS = 100

/**
 * A woken thread takes what is queued within a fraction of a millisecond. If something is queued for longer than
 * this, the thread that was woken is blocked by code outside a request, and another one is woken.
 */
const LATE_WAKE_MS = 10

export interface AcceptLoopOptions {
  readonly slot: number
  readonly listeners: readonly number[]
  /** Becomes readable when the thread shall look whether it is to stop. */
  readonly wakeDescriptor: number
  readonly mutex: AcceptMutex
  readonly handOff: HandOff
  readonly scoreboard: Scoreboard
  /** Called when `accept` fails in a way that lasts (no descriptors, no memory), once each time it begins. */
  readonly onShortage: (errorNumber: number) => void
}

/**
 * The life of the listener thread: wait for capacity, take the accept mutex, poll, look again, accept, release, hand
 * over. It returns when the child stops listening.
 *
 * The order matters. Capacity comes before the mutex, so that a child whose threads are all busy leaves mutex and
 * connections to the others. The second look comes after the poll, because the poll may have lasted for hours. The
 * mutex is released before the hand-over, so that the next child polls while this one wakes its threads.
 *
 * A child that dies anywhere in here leaves nothing locked (the kernel frees the mutex); what it had accepted dies
 * with it, and that was only what its own threads were about to take.
 */
export class AcceptLoop {
  readonly #options: AcceptLoopOptions
  readonly #poll: PollSet
  /** Which listener is asked first: moves on with each accepted connection, so no port starves another. */
  #first = 0
  #stepBackMs = SHORTEST_STEP_BACK_MS
  #backoffMs = SHORTEST_BACKOFF_MS
  readonly #accepted: number[] = []

  constructor(options: AcceptLoopOptions) {
    this.#options = options
    this.#poll = new PollSet([...options.listeners, options.wakeDescriptor])
  }

  run(): void {
    const { handOff, mutex, scoreboard, slot } = this.#options
    while (!handOff.isStopping) {
      if (!this.#waitForCapacity()) continue
      this.#enter(ListenerState.waitingForMutex)
      if (mutex.acquire()) scoreboard.addToField(slot, 'mutexWaits', 1)
      let shortage = 0
      try {
        // The mutex may have come after a long sleep, in which the threads found other work.
        if (!handOff.isStopping && acceptable(this.#capacity()) > 0) shortage = this.#pollAndAccept()
      } finally {
        mutex.release()
      }
      this.#handOver()
      if (shortage !== 0) this.#backOff(shortage)
    }
    this.#enter(ListenerState.none)
  }

  /** True when something may be accepted now; false after a pause, to look at everything again. */
  #waitForCapacity(): boolean {
    const { handOff } = this.#options
    const capacity = this.#capacity()
    if (acceptable(capacity) > 0) {
      this.#stepBackMs = SHORTEST_STEP_BACK_MS
      return true
    }
    // Others have idle threads and are waiting for connections themselves. Only a change over there, of which
    // nobody tells this process, makes this child needed: look again now and then, ever less often.
    const isSteppingBack = shouldStepBack(capacity)
    this.#enter(isSteppingBack ? ListenerState.steppingBack : ListenerState.waitingForCapacity)
    let timeoutMs = Number.POSITIVE_INFINITY
    if (isSteppingBack) {
      timeoutMs = this.#stepBackMs
      this.#stepBackMs = Math.min(this.#stepBackMs * 2, LONGEST_STEP_BACK_MS)
    } else if (capacity.queued > 0) timeoutMs = LATE_WAKE_MS
    const hadQueued = capacity.queued > 0
    handOff.sleepUntil(() => {
      const now = this.#capacity()
      return acceptable(now) > 0 || (!isSteppingBack && shouldStepBack(now))
    }, timeoutMs)
    if (hadQueued) this.#wakeAgain()
    return false
  }

  /** With the mutex: waits for a connection and accepts. Returns the error of a shortage, or 0. */
  #pollAndAccept(): number {
    const { handOff, listeners } = this.#options
    this.#enter(ListenerState.polling)
    while (this.#poll.wait(handOff.queue.length > 0 ? LATE_WAKE_MS : -1) === 0) {
      if (handOff.isStopping) return 0
      this.#wakeAgain()
    }
    if (handOff.isStopping) return 0
    this.#enter(ListenerState.accepting)
    let room = acceptable(this.#capacity())
    const start = this.#first
    for (let turn = 0; turn < listeners.length && room > 0; turn++) {
      const index = (start + turn) % listeners.length
      if (!this.#poll.isReady(index)) continue
      const listener = listeners[index]
      if (listener === undefined) continue
      this.#first = (index + 1) % listeners.length
      while (room > 0) {
        const fd = acceptConnection(listener)
        if (fd < 0) {
          const reason = errno()
          if (!passing.has(reason)) return reason
          if (reason !== EAGAIN) this.#noteError()
          // Nothing there, or a connection that broke before it was accepted: on to the next listener.
          break
        }
        this.#accepted.push(fd)
        room--
        // One from each ready listener before a second from the same one.
        if (listeners.length > 1) break
      }
    }
    return 0
  }

  /** Without the mutex: the threads get what was accepted. */
  #handOver(): void {
    const { handOff, scoreboard, slot } = this.#options
    if (this.#accepted.length === 0) return
    scoreboard.addToField(slot, 'accepted', this.#accepted.length)
    for (const fd of this.#accepted) {
      // Can't be full: at most one more than there are threads is ever queued. A closed connection is
      // still better than a leaked one.
      if (!handOff.offer(LockOwner.listener, fd)) closeDescriptor(fd)
    }
    this.#accepted.length = 0
    this.#backoffMs = SHORTEST_BACKOFF_MS
  }

  #backOff(errorNumber: number): void {
    if (this.#backoffMs === SHORTEST_BACKOFF_MS) this.#options.onShortage(errorNumber)
    this.#noteError()
    this.#enter(ListenerState.backingOff)
    // Asleep without the mutex: other children have descriptors of their own. Only a stop ends the sleep early.
    new PollSet([this.#options.wakeDescriptor]).wait(this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS)
  }

  #wakeAgain(): void {
    if (this.#options.handOff.queue.length > 0) this.#options.handOff.wakeOne()
  }

  #capacity(): Capacity {
    const { handOff, scoreboard, slot } = this.#options
    // The queue first: a thread clears its idle bit before it takes, so what is no longer counted as queued
    // is no longer counted as idle either. The other way round, one thread could be counted on twice.
    const queued = handOff.queue.length
    const idle = handOff.idleCount
    // What the other children do matters only when nobody is idle here, and costs a look at each.
    if (idle - queued > 0) return { idle, queued, open: 0, ahead: 0, idleElsewhere: 0 }
    const ahead = aheadOf(handOff.leastActiveUs)
    handOff.ahead = ahead
    return {
      idle,
      queued,
      open: handOff.openCount,
      ahead,
      idleElsewhere: scoreboard.idleElsewhere(slot),
    }
  }

  #enter(state: (typeof ListenerState)[keyof typeof ListenerState]): void {
    this.#options.scoreboard.setField(this.#options.slot, 'listenerState', state)
  }

  #noteError(): void {
    this.#options.scoreboard.addToField(this.#options.slot, 'acceptErrors', 1)
  }
}
