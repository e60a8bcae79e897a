import { type ErrorCode, ForkthreadError } from '../../shared/errors.js'
import { userStack } from '../../shared/user-stack.js'

/** Where the cause is an error of the user's code, its stack is what helps. */
const USER_CODE: ReadonlySet<ErrorCode> = new Set([
  'FT_ERR_CONFIG',
  'FT_ERR_HANDLER',
  'FT_ERR_HANDLER_LOAD',
  'FT_ERR_THREAD_DIED',
] as const)

/** What they failed of is an error of ours in turn. */
const WRAPPERS: ReadonlySet<ErrorCode> = new Set([
  'FT_ERR_RELOAD',
  'FT_ERR_RELOAD_HALFWAY',
  'FT_ERR_UPGRADE',
] as const)

/** Our own errors are sentences that say where to look; of others the stack is what helps. */
export function describeError(error: Error): string {
  if (!(error instanceof ForkthreadError)) return error.stack ?? error.message
  const text = withCode(error)
  if (WRAPPERS.has(error.code) && error.cause instanceof ForkthreadError)
    return `${text}\n${describeError(error.cause)}`
  if (!USER_CODE.has(error.code) || !(error.cause instanceof Error)) return text
  const cause = userStack(error.cause)
  return text.includes(cause) ? text : `${text}\n${cause}`
}

/** The code stands in the first line: behind the sentence, or before the stack that is part of it. */
function withCode({ message, code, cause }: ForkthreadError): string {
  const stack = cause instanceof Error ? userStack(cause) : undefined
  const at = stack?.includes('\n') ? message.indexOf(stack) : -1
  const before = at < 0 ? '' : message.slice(0, at).replace(/:\s*$/, '')
  if (before !== '' && !before.includes('\n')) return `${before} [${code}]: ${message.slice(at)}`
  const [first, ...rest] = message.split('\n')
  return [`${first} [${code}]`, ...rest].join('\n')
}
