import type { Acceptor } from '../sync/acceptor.js'
import type { ExclusiveMechanism } from '../sync/exclusive-mechanism.js'
import type { HandOff } from '../sync/hand-off.js'
import { ListenerState } from '../sync/scoreboard.js'
import type { Epoll } from '../sys/epoll.js'
import { clearEvent, signalEvent } from '../sys/event-descriptor.js'
import { shouldStepBack } from './admission.js'
import { type Intake, LATE_WAKE_MS } from './intake.js'

export interface ExclusiveLoopOptions {
  readonly intake: Intake
  readonly handOff: HandOff
  readonly mechanism: ExclusiveMechanism
  readonly acceptor: Acceptor
  /** Watches the wake descriptor always, listeners and pass-on descriptor while armed. */
  readonly epoll: Epoll
  /** See ExclusiveMechanism. */
  readonly passOn: number
}

/**
 * The life of the listener thread without an accept mutex: it sleeps in one epoll instance, armed while its child has
 * capacity; look again, accept, hand over, and disarm when there is no room left.
 */
export function runExclusiveLoop(options: ExclusiveLoopOptions): void {
  const { intake, handOff, mechanism, acceptor, epoll, passOn } = options
  let isArmed = false
  while (!intake.isStopping) {
    if (!isArmed) isArmed = sleepDisarmed()
    if (!isArmed) continue
    intake.enter(ListenerState.polling)
    const ready = epoll.wait(intake.hasQueued ? LATE_WAKE_MS : -1)
    if (intake.isStopping) break
    // Nothing was reported, so no wake-up was this child's, and there is nothing to pass on.
    if (ready.length === 0) {
      intake.wakeAgain()
      continue
    }
    if (ready.includes(passOn)) clearEvent(passOn)
    const shortage = intake.accept(ready)
    intake.handOver()
    if (shortage === 0 && intake.room > 0) {
      // Called by the pass-on descriptor, this child knows of what waits, but its epoll instance does not: the kernel told
      // another one. Back in epoll_wait it would sleep beside it.
      if (ready.includes(passOn)) callAnother()
      continue
    }
    mechanism.disarm()
    isArmed = false
    callAnother()
    if (shortage !== 0) intake.backOff(shortage)
  }
  mechanism.disarm()
  // A wake-up that came together with the stop is somebody else's now.
  callAnother()
  intake.enter(ListenerState.none)

  /**
   * Disarmed, the word says 1. The look for capacity comes after that: a thread that has set its bit before it was 1, and so
   * did not arm, is seen here; one that sets it later sees the 1 and arms. Returns whether the instance is armed.
   */
  function sleepDisarmed(): boolean {
    const capacity = intake.capacity()
    if (intake.room > 0) {
      mechanism.wakeListener()
      return true
    }
    const isSteppingBack = shouldStepBack(capacity)
    intake.enter(isSteppingBack ? ListenerState.steppingBack : ListenerState.waitingForCapacity)
    const timeoutMs = isSteppingBack
      ? intake.nextStepBackMs()
      : intake.hasQueued
        ? LATE_WAKE_MS
        : finite(intake.longestSleepMs)
    const ready = epoll.wait(timeoutMs)
    if (ready.length === 0) {
      intake.wakeAgain()
      if (!isSteppingBack && handOff.listener.isAsleep) intake.refuseLate()
    } else if (handOff.listener.isAsleep) {
      mechanism.disarmAgain()
      // What was reported has no other wake-up.
      callAnother()
    }
    return !handOff.listener.isAsleep
  }

  /**
   * The wake-up for what still waits may have been this child's, and no other knows of it. Whoever is called and can't take
   * it either disarms and calls the next, so this ends; if nobody is armed, the call waits for the next who is.
   */
  function callAnother(): void {
    if (acceptor.hasWaiting) signalEvent(passOn)
  }
}

/** As epoll_wait takes it. */
function finite(timeoutMs: number): number {
  return Number.isFinite(timeoutMs) ? timeoutMs : -1
}
