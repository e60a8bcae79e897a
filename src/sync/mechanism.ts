import type { TakeEntry } from './acceptor.js'

/**
 * How the children agree on who accepts: with the accept mutex (`MutexMechanism`), or by the kernel's exclusive wake-up
 * (`ExclusiveMechanism`). This is what worker threads and the child's main thread use of it; the listener thread
 * has a loop of its own for each.
 */
export interface Mechanism {
  /** Tells the listener thread, which watches nothing for want of capacity, that there may be some now. */
  wakeListener(): void
  /**
   * For a thread that is done and would have to wake the listener thread to get its next connection: accepts up to `room`
   * connections itself, if that needs no waiting. Each goes to `take`; returns how many there were.
   *
   * To wake another thread costs ten times an `accept`. So under load, when connections wait already, threads
   * serve themselves and the listener thread sleeps.
   */
  selfServe(self: number, room: number, take: TakeEntry): number
  /** After thread `dead` has ended for certain: frees what it held. */
  recover(dead: number): void
}
