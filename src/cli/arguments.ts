import { existsSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { INSPECT_PORT } from '../options/inspect.js'
import { TOKEN_VARIABLE } from '../options/parse-options.js'
import { metaOf, type OptionName, optionNames } from '../options/schema.js'
import { fail } from '../shared/errors.js'
import { type CaptureKind, ORDERS, type OrderName } from '../shared/stats.js'
import type { Meant } from './find-pool.js'
import { suggest } from './suggest.js'

/** What the command line asks for. */
export type Command =
  | { readonly action: 'help' }
  | { readonly action: 'version' }
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
  | {
      readonly action: 'serve'
      /** Options as given, to be checked by the schema; those of `config` are not yet in them. */
      readonly options: Readonly<Record<string, unknown>>
      readonly config: string | undefined
    }

type FlagConfig = NonNullable<ParseArgsConfig['options']>[string]

/** The handler is given by its place, so it has no flag. */
export const flagNames = optionNames.filter(
  (name) => name !== 'handler' && metaOf(name).isApiOnly !== true,
)

/** @throws FT_ERR_USAGE */
export function parseArguments(args: readonly string[]): Command {
  const end = args.indexOf('--')
  const { proxied, rest } = takeProxied((end < 0 ? args : args.slice(0, end)).map(withPort))
  const { values, positionals } = parse(rest)
  if (values.help === true) return { action: 'help' }
  if (values.version === true) return { action: 'version' }
  const [first = ''] = positionals
  if (isCommand(first)) return remoteCommand(first, positionals, values)
  if (positionals.length > 1)
    throw fail('FT_ERR_USAGE', [
      `One handler is expected, but ${positionals.length} were given: ${positionals.join(', ')}.`,
    ])
  const options: Record<string, unknown> = {}
  for (const name of flagNames) {
    const value = values[negative(name)] === true ? false : values[kebab(name)]
    if (value !== undefined) options[name] = toValue(name, value)
  }
  if (proxied.length > 0) options.proxyProtocol = proxied.map((text) => numberOrText(text))
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

/** How long a profile lasts. */
const USUAL_SECONDS = 10

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

/** As with node, `--inspect` alone is the usual port. `parseArgs` has no flag whose value may be left out. */
function withPort(arg: string): string {
  return arg === '--inspect' ? `--inspect=${INSPECT_PORT}` : arg
}

const PROXIED = '--proxy-protocol='

/** The one switch that may also have a value, and several times: the addresses that it is meant for. `parseArgs` has no such thing. */
function takeProxied(args: readonly string[]): { proxied: string[]; rest: string[] } {
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const isProxied = (arg: string, index: number): boolean => index < end && arg.startsWith(PROXIED)
  return {
    proxied: args.filter(isProxied).map((arg) => arg.slice(PROXIED.length)),
    rest: args.filter((arg, index) => !isProxied(arg, index)),
  }
}

const COMMANDS = ['list', 'status', 'top', 'slow', 'profile', 'heap', ...ORDERS] as const
type RemoteCommand = (typeof COMMANDS)[number]

function isCommand(word: string): word is RemoteCommand {
  return (COMMANDS as readonly string[]).includes(word)
}

/** What is said to a running pool. A handler of such a name is given as ./status. */
function remoteCommand(
  action: RemoteCommand,
  [, ...words]: readonly string[],
  values: ReturnType<typeof parse>['values'],
): Command {
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
const SUBJECTS: Partial<Record<RemoteCommand, string>> = {
  profile: 'thread',
  heap: 'thread',
  kill: 'thread',
  'log-level': 'level',
}

const USAGES: Partial<Record<RemoteCommand, string>> = {
  profile: 'profile --thread P.T',
  heap: 'heap --thread P.T',
  kill: 'kill P.T',
  'log-level': 'log-level LEVEL',
  resize: 'resize --processes N --threads MIN:MAX --spares MIN:MAX',
}

function sizesIn(values: ReturnType<typeof parse>['values']): Record<string, string> {
  const sizes: Record<string, string> = {}
  for (const name of ['processes', 'threads', 'spares'])
    if (values[name] !== undefined) sizes[name] = String(values[name])
  return sizes
}

/** `acceptMutex` → `accept-mutex` */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Whether an option is on or off, and its flag has no value. */
export function isSwitch(name: OptionName): boolean {
  return metaOf(name).placeholder === undefined
}

/** Turns a switch off. (`allowNegative` of parseArgs came with Node 20.17.) */
function negative(name: string): string {
  return `no-${kebab(name)}`
}

function parse(args: readonly string[]): ReturnType<typeof parseArgs> {
  const flags: Record<string, FlagConfig> = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'v' },
    config: { type: 'string', short: 'c' },
    thread: { type: 'string' },
    level: { type: 'string' },
    pid: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'boolean' },
  }
  for (const name of flagNames) {
    flags[kebab(name)] = flagOf(name)
    if (isSwitch(name)) flags[negative(name)] = { type: 'boolean' }
  }
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true })
  } catch (error) {
    throw fail('FT_ERR_USAGE', [explain(error as Error, Object.keys(flags))])
  }
}

/** Node's sentence, and the flag that was probably meant instead of its advice on `--`, which has a meaning of its own here. */
function explain({ message }: Error, flags: readonly string[]): string {
  const [, given] = /^Unknown option '-{1,2}([^']*)'/.exec(message) ?? []
  const [sentence = message] = message.split(/\. (?=To specify|Did you)/)
  if (given === undefined) return sentence
  const meant = suggest(given, flags)
  // In camel case it is spelled as in a configuration file.
  const flag = flags.find((name) => name === kebab(given)) ?? meant
  const isFlag = flag !== undefined && flags.includes(flag)
  return isFlag ? `${sentence}; did you mean --${flag}?` : sentence
}

function flagOf(name: OptionName): FlagConfig {
  const { repeatable } = metaOf(name)
  if (isSwitch(name)) return { type: 'boolean' }
  const short = name === 'listen' ? { short: 'l' } : {}
  return { type: 'string', multiple: repeatable === true, ...short }
}

/** Text becomes what the API would be given; text that is neither stays text, for the schema to refuse. */
function toValue(name: OptionName, value: unknown): unknown {
  switch (name) {
    case 'listen':
      return (value as string[]).map((text) => numberOrText(text))
    case 'args':
    case 'umask':
    case 'socketMode':
    case 'pidFile':
    case 'tlsKey':
    case 'tlsCert':
    case 'envFile':
      // 027 is octal, and a file may be called 1.
      return value
    case 'env':
      return Object.fromEntries((value as string[]).map(split))
    case 'resourceLimits':
      return Object.fromEntries(
        (value as string[]).map(split).map(([key, text]) => [key, numberOrText(text)]),
      )
    default:
      return typeof value === 'string' ? numberOrText(value) : value
  }
}

function numberOrText<T extends string | undefined>(text: T): number | T {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

/** Without `=` there is no value, which the schema refuses. */
function split(pair: string): [string, string | undefined] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair, undefined] : [pair.slice(0, at), pair.slice(at + 1)]
}
