import { TOKEN_VARIABLE } from '../options/parse-options.js'
import { fail } from '../shared/errors.js'
import { type CaptureKind, ORDERS, type OrderName } from '../shared/stats.js'
import type { Meant } from './find-pool.js'
import type { FlagValues } from './flags.js'

/** What the command line asks of a pool that runs. */
export type RemoteCommand =
  | { readonly action: 'list'; readonly isJson: boolean }
  | { readonly action: 'status'; readonly pool: Meant; readonly isJson: boolean }
  | { readonly action: 'slow'; readonly pool: Meant }
  | { readonly action: 'top'; readonly pool: Meant; readonly token: string | undefined }
  | {
      readonly action: OrderName
      readonly pool: Meant
      /** What the order is about, as its address takes it. */
      readonly query: Readonly<Record<string, string>>
      readonly token: string | undefined
    }
  | {
      readonly action: CaptureKind
      readonly pool: Meant
      readonly token: string | undefined
      /** Process and thread, such as `0.1`. */
      readonly thread: string
      readonly seconds: string
    }

/** How long a profile lasts. */
const USUAL_SECONDS = 10

export const COMMANDS = ['list', 'status', 'top', 'slow', 'profile', 'heap', ...ORDERS] as const
type Action = (typeof COMMANDS)[number]

export function isCommand(word: string): word is Action {
  return (COMMANDS as readonly string[]).includes(word)
}

/** A handler of such a name is given as ./status. @throws FT_ERR_USAGE */
export function remoteCommand(
  action: Action,
  [, ...words]: readonly string[],
  values: FlagValues,
): RemoteCommand {
  const { admin, pid, thread, seconds, json } = values
  const told = (value: unknown): string | undefined =>
    value === undefined ? undefined : String(value)
  const pool = { admin: told(admin), pid: told(pid), pidFile: told(values['pid-file']) }
  const token = told(values['admin-token']) ?? process.env[TOKEN_VARIABLE]
  const [word, ...more] = words
  const subject =
    word ?? told(SUBJECTS[action] === undefined ? undefined : values[SUBJECTS[action]])
  if (more.length > 0 || (word !== undefined && SUBJECTS[action] === undefined))
    throw fail('FT_ERR_USAGE', [`It is: forkthread ${USAGES[action] ?? action} [--admin ADDRESS]`])
  switch (action) {
    case 'list':
      return { action, isJson: json === true }
    case 'status':
      return { action, pool, isJson: json === true }
    case 'slow':
      return { action, pool }
    case 'top':
      return { action, pool, token }
    case 'profile':
    case 'heap':
      if (thread === undefined && subject === undefined) break
      return {
        ...{ action, pool, token, thread: String(subject) },
        seconds: String(seconds ?? USUAL_SECONDS),
      }
    case 'resize':
      return { action, pool, token, query: sizesIn(values) }
    case 'kill':
    case 'log-level':
      if (subject === undefined) break
      return { action, pool, token, query: { [SUBJECTS[action] ?? '']: subject } }
    default:
      return { action, pool, token, query: {} }
  }
  throw fail('FT_ERR_USAGE', [`It is: forkthread ${USAGES[action] ?? action} [--admin ADDRESS]`])
}

/** What a command is about, by the name of its flag. */
const SUBJECTS: Partial<Record<Action, string>> = {
  profile: 'thread',
  heap: 'thread',
  kill: 'thread',
  'log-level': 'level',
}

const USAGES: Partial<Record<Action, string>> = {
  profile: 'profile --thread P.T',
  heap: 'heap --thread P.T',
  kill: 'kill P.T',
  'log-level': 'log-level LEVEL',
  resize: 'resize --processes N --threads MIN:MAX --spares MIN:MAX',
}

function sizesIn(values: FlagValues): Record<string, string> {
  const sizes: Record<string, string> = {}
  for (const name of ['processes', 'threads', 'spares'])
    if (values[name] !== undefined) sizes[name] = String(values[name])
  return sizes
}
