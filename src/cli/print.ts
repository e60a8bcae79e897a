import kleur from 'kleur'
import { type ErrorCode, ForkthreadError } from '../shared/errors.js'

// kleur looks at standard output only, but all of this goes to standard error.
kleur.enabled = process.stderr.isTTY && process.stderr.hasColors()

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

/** News of the pool go to standard error; standard output holds the ready lines only, for programs to read. */
export const print = {
  notice(text: string): void {
    console.error(`${stamp()} ${text}`)
  },
  warning(text: string): void {
    console.error(`${stamp()} ${kleur.yellow(text)}`)
  },
  /** A survived error, with the stack of what caused it. */
  problem(error: Error): void {
    console.error(`${stamp()} ${kleur.red(describe(error))}`)
  },
  /** The error that the command ends with. */
  failure(error: unknown): void {
    const text = error instanceof Error ? describe(error) : String(error)
    console.error(`${kleur.red().bold('forkthread:')} ${text}`)
  },
}

/** Our own errors are sentences that say where to look; of others the stack is what helps. */
function describe(error: Error): string {
  if (!(error instanceof ForkthreadError)) return error.stack ?? error.message
  const text = `${error.message} [${error.code}]`
  if (WRAPPERS.has(error.code) && error.cause instanceof ForkthreadError)
    return `${text}\n${describe(error.cause)}`
  if (!USER_CODE.has(error.code) || !(error.cause instanceof Error)) return text
  const cause = error.cause.stack ?? error.cause.message
  return text.includes(cause) ? text : `${text}\n${cause}`
}

/** A log has its time from journald or Docker; a person at a terminal wants it here. */
function stamp(): string {
  const time = new Date().toISOString()
  return kleur.dim(process.stderr.isTTY ? time.slice(11, 19) : time)
}
