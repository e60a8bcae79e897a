import { fileURLToPath } from 'node:url'
import { fail } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'
import { stackOf } from './thread-stack.js'
import type { WorkerThread } from './worker-thread.js'

/** A thread that waits for a promise gives no stack, and nobody shall wait long for that. */
const STACK_PATIENCE_MS = 1000

type Terms = Pick<StartChild, 'handler' | 'startTimeout'>

/**
 * The first threads of this child, which must be ready by `startTimeout` from its start: `error` rejects then. The parent has the
 * same patience and a little more, in case this process can't even say so.
 */
export function startOverdue(
  threads: readonly WorkerThread[],
  terms: Terms,
): { readonly error: Promise<never>; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined
  const error = new Promise<never>((_, reject) => {
    const leftMs = Math.max(terms.startTimeout - process.uptime() * 1000, 0)
    timer = setTimeout(async () => {
      reject(await startTimeout(`Child ${process.pid}`, threads, terms))
    }, leftMs)
  })
  // It may lose the race, and then nobody looks at it.
  error.catch(() => undefined)
  return { error, stop: () => clearTimeout(timer) }
}

/** The error of threads that are not ready in time: it says where one of them is. */
export async function startTimeout(
  who: string,
  threads: readonly WorkerThread[],
  { handler, startTimeout: ms }: Terms,
): Promise<Error> {
  const late = threads.filter(({ state }) => state === 'starting')
  const threadId = late[0]?.threadId
  const stack = threadId === undefined ? [] : await stackOf(threadId, STACK_PATIENCE_MS)
  const count = `${late.length} of ${threads.length} thread${threads.length === 1 ? '' : 's'} that started at once`
  const frame = stack.find(isOfUser)
  const where =
    frame === undefined
      ? `no code of it runs, so it waits: for a promise (a top-level await, or setup), or inside a system call (${count})`
      : `one is at ${frame} (${count})`
  const error = fail('FT_ERR_START_TIMEOUT', [who, ms, fileURLToPath(handler), where])
  if (stack.length > 0)
    error.stack = `${error.message}\n${stack.map((frame) => `    at ${frame}`).join('\n')}`
  return error
}

/** Not of Node, nor of what has called the handler. */
function isOfUser(frame: string): boolean {
  return !/(^|\()node:/.test(frame)
}
