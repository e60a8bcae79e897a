import { fileURLToPath } from 'node:url'
import { fail } from '../shared/errors.js'
import { userStack } from '../shared/user-stack.js'

/** What is known of a thread that has not become ready. */
export interface FailedStart {
  readonly handler: string
  readonly execArgv: readonly string[] | undefined
  /** What the app has given `process.exit`. */
  readonly exitCode: number | undefined
}

/** What piscina rejects with knows neither the handler nor what the user has to do with it. */
export function startError(error: unknown, { handler, execArgv, exitCode }: FailedStart): Error {
  if (isOfFlags(error)) return fail('FT_ERR_EXEC_ARGV', [execArgv ?? [], error.message])
  const path = fileURLToPath(handler)
  if (exitCode !== undefined || isExit(error)) {
    const call = `process.exit(${exitCode ?? ''})`
    const why = `it called ${call}; a handler returns, and a program listens, or throws what it fails of.`
    return fail('FT_ERR_HANDLER_LOAD', [path, why])
  }
  const why = userStack(error)
  return fail('FT_ERR_HANDLER_LOAD', [path, why], error)
}

/** Node refuses to make a thread with such flags. */
export function isOfFlags(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_INVALID_EXEC_ARGV'
}

/** What piscina says when a thread has ended under a task. */
export function isExit(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('worker exited with code')
}
