import { type ParseArgsConfig, parseArgs } from 'node:util'
import { INSPECT_PORT } from '../options/inspect.js'
import { metaOf, type OptionName, optionNames } from '../options/schema.js'
import { fail } from '../shared/errors.js'
import { suggest } from './suggest.js'

type FlagConfig = NonNullable<ParseArgsConfig['options']>[string]

/** Each flag that was given, by its name on the command line. */
export type FlagValues = ReturnType<typeof parseArgs>['values']

export interface Flags {
  readonly values: FlagValues
  readonly positionals: readonly string[]
  /** Those that are options of a pool, as the API would be given them, to be checked by the schema. */
  readonly options: Record<string, unknown>
}

/** The handler is given by its place, so it has no flag. */
export const flagNames = optionNames.filter(
  (name) => name !== 'handler' && metaOf(name).isApiOnly !== true,
)

/** Reads what stands before a `--`. @throws FT_ERR_USAGE */
export function readFlags(args: readonly string[]): Flags {
  const { proxied, rest } = takeProxied(args.map(withPort))
  const { values, positionals } = parse(rest)
  const options: Record<string, unknown> = {}
  for (const name of flagNames) {
    const value = values[negative(name)] === true ? false : values[kebab(name)]
    if (value !== undefined) options[name] = toValue(name, value)
  }
  if (proxied.length > 0) options.proxyProtocol = proxied.map((text) => numberOrText(text))
  return { values, positionals, options }
}

/** As with node, `--inspect` alone is the usual port. `parseArgs` has no flag whose value may be left out. */
function withPort(arg: string): string {
  return arg === '--inspect' ? `--inspect=${INSPECT_PORT}` : arg
}

const PROXIED = '--proxy-protocol='

/** The one switch that may also have a value, and several times: the addresses that it is meant for. `parseArgs` has no such thing. */
function takeProxied(args: readonly string[]): { proxied: string[]; rest: string[] } {
  const isProxied = (arg: string): boolean => arg.startsWith(PROXIED)
  return {
    proxied: args.filter(isProxied).map((arg) => arg.slice(PROXIED.length)),
    rest: args.filter((arg) => !isProxied(arg)),
  }
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

/** Those of commands to a pool that runs. */
const COMMAND_FLAGS: Readonly<Record<string, FlagConfig>> = {
  thread: { type: 'string' },
  level: { type: 'string' },
  pid: { type: 'string' },
  seconds: { type: 'string' },
  json: { type: 'boolean' },
}

/** Who starts a pool may have meant another flag, which must not be lost. @throws FT_ERR_USAGE */
export function refuseCommandFlags(values: FlagValues): void {
  const given = Object.keys(COMMAND_FLAGS).find((name) => values[name] !== undefined)
  if (given === undefined) return
  const meant = suggest(given, flagNames.map(kebab))
  const advice = meant === undefined ? '' : `; did you mean --${meant}?`
  throw fail('FT_ERR_USAGE', [`--${given} is for a pool that runs, not for its start${advice}`])
}

function parse(args: readonly string[]): ReturnType<typeof parseArgs> {
  const flags: Record<string, FlagConfig> = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'v' },
    config: { type: 'string', short: 'c' },
    ...COMMAND_FLAGS,
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
