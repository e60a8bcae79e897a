import type { AcceptTurn, TakeEntry } from './acceptor.js'
import type { ListenerWatch } from './listener-watch.js'

/**
 * How the children agree on who accepts: with the accept mutex and a listener thread in each child (`MutexMechanism`), or by the kernel's exclusive
 * wake-up of worker threads (`ExclusiveMechanism`). This is what worker threads and the child's main thread use of it.
 */
export interface Mechanism {
  /** The watch that the calling worker thread keeps on the listeners, where each has its own. */
  readonly watch?: ListenerWatch | undefined
  /** Whether the calling thread, before it idles, has to look by itself whether something waits. */
  readonly isSelfServed: boolean
  /** Tells the listener thread, which watches nothing for want of capacity, that there may be some now. */
  wakeListener(): void
  /**
   * Accepts up to `room` connections, if that needs no waiting. Each goes to `take`.
   *
   * A thread that is done, and would have to wake the listener thread to get its next connection, does so first: to wake another thread costs ten
   * times an `accept`. So under load, when connections wait already, threads serve themselves and the listener thread sleeps.
   */
  selfServe(self: number, room: number, take: TakeEntry): AcceptTurn
  /** Before thread `thread` is ended, which is noted already: nothing may go to it any more. */
  endWatch?(thread: number): void
  /** After thread `dead` has ended for certain: frees what it held. */
  recover(dead: number): void
}
