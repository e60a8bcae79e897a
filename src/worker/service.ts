/** Serves connections of one protocol in a worker thread. */
export interface Service {
  /** Makes the descriptor of an entry a connection. Owns it from here on, whatever happens. */
  serve(entry: number): void
  /** Finishes what is in flight, closes what is idle; resolves when no connection is left. */
  drain(): Promise<void>
}

/** Something went wrong in user code, and was survived. `what` says for which request or connection. */
export type ReportFailure = (what: string, thrown: unknown) => void
