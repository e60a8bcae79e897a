import { inspect } from 'node:util'
import type { MessagePort } from 'node:worker_threads'
import {
  type ErrorCode,
  type ForkthreadError,
  fail,
  type SerializedError,
  serializeError,
} from '../shared/errors.js'
import type { WorkerMessage } from '../shared/messages-from-worker.js'
import type { ReportFailure } from './service.js'

/** A handler that fails on every request must not drown the log, nor the parent. */
const MOST_PER_SECOND = 10
const WINDOW_MS = 1000

/** Sends failures of user code to the child's main thread: the first few of each second, then their number. */
export function createReporter(port: MessagePort): ReportFailure {
  let windowStart = 0
  let sent = 0
  let suppressed = 0
  return (what, thrown) => {
    const now = performance.now()
    if (now - windowStart > WINDOW_MS) {
      windowStart = now
      sent = 0
    }
    if (sent >= MOST_PER_SECOND) {
      suppressed++
      return
    }
    sent++
    const also = suppressed > 0 ? ` (and ${suppressed} more failures that were not reported)` : ''
    suppressed = 0
    const code: ErrorCode = 'FT_ERR_HANDLER'
    const error = fail(code, [`${what}${also}`, reasonOf(thrown)], thrown)
    port.postMessage({ type: 'report', error: serialized(error) } satisfies WorkerMessage)
  }
}

/** Anything may be thrown, also what can't be shown or sent (a `cause` that leads back to itself); a report is due all the same. */
function serialized(error: ForkthreadError): SerializedError {
  try {
    return structuredClone(serializeError(error))
  } catch {
    return { name: error.name, code: error.code, message: error.message }
  }
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message
  return typeof thrown === 'string' ? thrown : inspect(thrown)
}
