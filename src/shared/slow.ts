/** A thread has blocked its event loop for longer than `slowThreshold`. */
export interface SlowEpisode {
  readonly slot: number
  readonly thread: number
  /** What it had begun last, such as `GET /users/7?page=2`. */
  readonly request: string
  /** What the handler calls its route, if it has said so. */
  readonly route?: string
  readonly blockedMs: number
  /** Taken while it blocked, each from the innermost frame outwards. */
  readonly stacks: readonly (readonly string[])[]
}

/** What `/slow.json` says. */
export interface SlowReport {
  /** ms, 0 if nothing is looked for. */
  readonly slowThreshold: number
  /** Those that blocked for the longest time in all come first. */
  readonly routes: readonly SlowRoute[]
}

export interface SlowRoute {
  /** Method and what the handler calls the route; else its path, ids in it folded: `GET /users/:id`. */
  readonly route: string
  /** How often it has blocked a thread. */
  readonly count: number
  readonly blockedMs: number
  readonly longestMs: number
  /** Innermost frames of the user's code, with their share of the samples, from 0 to 1. */
  readonly frames: readonly { readonly frame: string; readonly share: number }[]
  /** The latest one. */
  readonly example: {
    /** Epoch ms. */
    readonly at: number
    readonly process: number
    readonly thread: number
    /** Without what stands behind the path, which may be secret. */
    readonly request: string
    readonly blockedMs: number
    readonly stack: readonly string[]
  }
}
