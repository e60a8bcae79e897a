import type { ForkthreadError } from '../shared/errors.js'
import { stackOf } from './thread-stack.js'
import type { WorkerThread } from './worker-thread.js'

/** Ends a thread at once; `error` tells of it, with the stack of what the thread was doing, which is returned. */
export async function killThread(
  thread: WorkerThread,
  error: ForkthreadError,
): Promise<readonly string[]> {
  const stack = thread.threadId === undefined ? [] : await stackOf(thread.threadId)
  error.stack = [`${error.name}: ${error.message}`, ...stack].join('\n    at ')
  thread.kill(error)
  return stack
}
