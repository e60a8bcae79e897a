/** Serves connections of one protocol in a worker thread. */
export interface Service {
  /** Makes the descriptor of an entry a connection. Owns it from here on, whatever happens. */
  serve(entry: number): void
  /**
   * The thread leaves: announces the end to clients, and parks or closes what is idle; resolves when that is done. What arrives
   * afterwards on connections that stay is served all the same.
   */
  leave(): Promise<void>
  /** Resolves when no connection is left. Called after `leave`. */
  drained(): Promise<void>
  /** What is in flight, in words. */
  requests(): readonly string[]
}

/** Something went wrong in user code, and was survived. `what` says for which request or connection. */
export type ReportFailure = (what: string, thrown: unknown) => void
