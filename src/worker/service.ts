import type { WayOfLeaving } from '../shared/messages-to-worker.js'

/** Serves connections of one protocol in a worker thread. */
export interface Service {
  /** Makes the descriptor of an entry a connection. Owns it from here on, whatever happens. */
  serve(entry: number): void
  /**
   * The thread leaves: gives away what is idle and can be, and announces the end to other clients; resolves when that is done. What arrives
   * afterwards on connections that stay is served all the same.
   */
  leave(way: WayOfLeaving): Promise<void>
  /** Nobody will go on with its connections: a response from here on is the last of its connection, where the protocol can say so. */
  endsSoon(): void
  /** Resolves when no connection is left. Called after `leave`. */
  drained(): Promise<void>
  /** What is in flight, in words. */
  requests(): readonly string[]
}

/** Something went wrong in user code, and was survived. `what` says for which request or connection. */
export type ReportFailure = (what: string, thrown: unknown) => void
