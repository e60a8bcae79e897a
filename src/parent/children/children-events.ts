import type { LoadedFile } from '../../shared/loaded-file.js'
import type { Origin } from '../../shared/logger.js'
import type { SlowEpisode } from '../../shared/slow.js'
import type { ThreadInfo } from '../../shared/thread-info.js'
import type { Exit } from './child-news.js'
import type { ForkedChild } from './forked-child.js'

/** What the children of the pool tell, all of them together. */
export interface ChildrenEvents {
  ready: [ForkedChild]
  /** A handler has blocked a thread. */
  slow: [SlowEpisode]
  notice: [text: string]
  /** The handler has loaded these files. */
  loaded: [files: readonly LoadedFile[]]
  report: [Error, Origin]
  decision: [action: string, reason: string, Origin]
  thread: [ThreadInfo]
  /** A thread has posted it on a channel. */
  channel: [child: ForkedChild, name: string, data: string, thread: number]
  /** A thread that led leads no more. */
  resigned: [child: ForkedChild, thread: number]
  /** A child has started, retired or recycled threads of its own. */
  resized: [action: string]
  /** There are more or fewer than before, or more work to do, or another number is wanted. */
  changed: []
  /** A child has died that had served. */
  died: [ForkedChild]
  /** The child is gone; `expected` if it was asked to leave. */
  exit: [child: ForkedChild, exit: Exit, expected: boolean]
}
