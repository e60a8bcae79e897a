import { existsSync } from 'node:fs'
import { fail } from '../shared/errors.js'
import { readFlags, refuseCommandFlags } from './flags.js'
import { COMMANDS, isCommand, type RemoteCommand, remoteCommand } from './remote-command.js'
import { suggest } from './suggest.js'

/** What the command line asks for. */
export type Command =
  | { readonly action: 'help' }
  | { readonly action: 'version' }
  | RemoteCommand
  | {
      readonly action: 'serve'
      /** Options as given, to be checked by the schema; those of `config` are not yet in them. */
      readonly options: Readonly<Record<string, unknown>>
      readonly config: string | undefined
    }

/** @throws FT_ERR_USAGE */
export function parseArguments(args: readonly string[]): Command {
  const end = args.indexOf('--')
  const { values, positionals, options } = readFlags(end < 0 ? args : args.slice(0, end))
  if (values.help === true) return { action: 'help' }
  if (values.version === true) return { action: 'version' }
  const [first = ''] = positionals
  if (isCommand(first)) return remoteCommand(first, positionals, values)
  refuseCommandFlags(values)
  if (positionals.length > 1)
    throw fail('FT_ERR_USAGE', [
      `One handler is expected, but ${positionals.length} were given: ${positionals.join(', ')}.`,
    ])
  const [handler] = positionals
  if (handler !== undefined) {
    requireFile(handler)
    options.handler = handler
  }
  if (end >= 0)
    options.args = [...((options.args as string[] | undefined) ?? []), ...args.slice(end + 1)]
  const config = values.config
  if (handler === undefined && config === undefined)
    throw fail('FT_ERR_USAGE', ['The handler is missing: forkthread ./app.js'])
  return { action: 'serve', options, config: config === undefined ? undefined : String(config) }
}

/** How the path of a handler may have been meant without its extension. */
const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts']

/** A bare word that is no file was meant as a command, or lacks its extension. @throws FT_ERR_USAGE */
function requireFile(handler: string): void {
  if (/[./\\]/.test(handler) || existsSync(handler)) return
  const extension = EXTENSIONS.find((end) => existsSync(handler + end))
  const meant = extension === undefined ? suggest(handler, COMMANDS) : `./${handler}${extension}`
  const advice = meant === undefined ? '' : `; did you mean forkthread ${meant}?`
  throw fail('FT_ERR_USAGE', [
    `'${handler}' is neither a command (${COMMANDS.join(', ')}) nor a file here${advice}`,
  ])
}
