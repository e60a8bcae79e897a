import type { Origin } from '../shared/logger.js'
import type { Decision, ReloadProgress } from '../shared/stats.js'
import type { ChildInfo, ThreadInfo } from '../shared/thread-info.js'

export interface ExitInfo extends ChildInfo {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether it was asked to leave. */
  readonly expected: boolean
  readonly livedMs: number
}

export interface PoolEvents {
  /** The pool serves; one address per listener. */
  listening: [addresses: readonly string[]]
  /** A child is ready to serve. */
  child: [ChildInfo]
  /** The pool changes its size, or replaces something for its age: what it does and why. */
  decision: [Decision, Origin]
  /** A thread is ready to serve, or has ended. */
  thread: [ThreadInfo]
  /** A reload has come a step further; the last one says `done` or `failed`. */
  reload: [ReloadProgress]
  /** A child is gone. */
  exit: [ExitInfo]
  /** The pool is closed, whoever has asked for it. */
  close: []
  /**
   * Something went wrong and was survived: a handler threw (FT_ERR_HANDLER), a thread or child died
   * (FT_ERR_THREAD_DIED, FT_ERR_CHILD_DIED), … Without a listener the error is printed on standard error.
   */
  error: [Error, Origin]
}
