import { acceptable, shouldStepBack } from '../sync/admission.js'
import { LockOwner } from '../sync/child-memory.js'
import { monotonicMs } from '../sync/clock.js'
import type { HandOff } from '../sync/hand-off.js'
import type { MutexMechanism } from '../sync/mutex-mechanism.js'
import { ListenerState } from '../sync/scoreboard.js'
import type { PollSet } from '../sys/poll.js'
import { type Intake, LATE_WAKE_MS } from './intake.js'

/**
 * The life of the listener thread with an accept mutex: wait for capacity, take the mutex, poll, look again, accept,
 * release, hand over. It returns when the child stops listening.
 *
 * The order matters. Capacity comes before the mutex, so that a child whose threads are all busy leaves mutex and
 * connections to the others. The second look comes after the poll, because the poll may have lasted for hours. The
 * mutex is released before the hand-over, so that the next child polls while this one wakes its threads.
 *
 * A child that dies anywhere in here leaves nothing locked (the kernel frees the mutex); what it had accepted dies
 * with it, and that was only what its own threads were about to take.
 */
export function runMutexLoop(
  intake: Intake,
  handOff: HandOff,
  mechanism: MutexMechanism,
  /** All listeners and the wake descriptor. */
  poll: PollSet,
): void {
  while (!intake.isStopping) {
    if (!waitForCapacity()) continue
    intake.enter(ListenerState.waitingForMutex)
    const wantedMs = monotonicMs()
    const hasWaited = mechanism.acquire(LockOwner.listener)
    intake.noteMutex(hasWaited, monotonicMs() - wantedMs)
    let shortage = 0
    try {
      // The mutex may have come after a long sleep, in which the threads found other work.
      if (!intake.isStopping && intake.room > 0) shortage = pollAndAccept()
    } finally {
      mechanism.release(LockOwner.listener)
      intake.noteRelease()
    }
    intake.handOver()
    if (shortage !== 0) intake.backOff(shortage)
  }
  intake.enter(ListenerState.none)

  /** True when something may be accepted now; false after a pause, to look at everything again. */
  function waitForCapacity(): boolean {
    const capacity = intake.capacity()
    if (acceptable(capacity) > 0) return true
    const isSteppingBack = shouldStepBack(capacity)
    intake.enter(isSteppingBack ? ListenerState.steppingBack : ListenerState.waitingForCapacity)
    const hadQueued = capacity.queued > 0
    const timeoutMs = isSteppingBack
      ? intake.nextStepBackMs()
      : hadQueued
        ? Math.min(LATE_WAKE_MS, intake.longestSleepMs)
        : intake.longestSleepMs
    handOff.listener.sleepUntil(() => {
      const now = intake.capacity()
      return acceptable(now) > 0 || (!isSteppingBack && shouldStepBack(now))
    }, timeoutMs)
    if (hadQueued) intake.wakeAgain()
    if (!isSteppingBack) intake.refuseLate()
    return false
  }

  /** With the mutex: waits for a connection and accepts. Returns the error of a shortage, or 0. */
  function pollAndAccept(): number {
    intake.enter(ListenerState.polling)
    while (poll.wait(intake.hasQueued ? LATE_WAKE_MS : -1) === 0) {
      if (intake.isStopping) return 0
      intake.wakeAgain()
    }
    if (intake.isStopping) return 0
    intake.noteFound()
    return intake.accept()
  }
}
