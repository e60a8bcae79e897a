/**
 * Writes the tables of docs/options.md and docs/errors.md, between their marks: options from the schema, errors from the table of messages and
 * docs/errors-when.js. `npm run docs` runs it; with `--check`, as `npm run check` does, it only says whether they are as they would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isSwitch, kebab } from '../dist/cli/flags.js'
import { metaOf, optionNames } from '../dist/options/schema.js'
import { messages } from '../dist/shared/errors.js'
import { when } from './errors-when.js'

const BEGIN = '<!-- written by npm run docs -->'
const END = '<!-- end -->'

/** Where more is said. */
const pages = {
  handler: 'programs.md',
  listen: 'addresses.md',
  spares: 'sizes.md',
  slowThreshold: 'find-what-is-slow.md',
  keepAlive: 'keep-alive.md',
  shutdownIdleTimeout: 'keep-alive.md#a-connection-outlives-its-process',
  reloadBatch: 'reload-upgrade-stop.md',
  watch: 'reload-upgrade-stop.md',
  admin: 'orders.md',
  adminToken: 'orders.md',
  agentCheck: 'behind-a-balancer.md',
  metrics: 'metrics.md',
  queueTimeout: 'overload.md',
  maxConnections: 'overload.md',
  trustRequestStart: 'queue-time.md',
  queueTimeHeader: 'queue-time.md',
  tls: 'tls.md',
  proxyProtocol: 'tls.md#proxy-protocol',
  socketMode: 'addresses.md#unix-sockets',
  user: 'run-it.md#users',
  pidFile: 'run-it.md#the-pid-file',
  accessLog: 'logs.md#the-access-log',
  logLevel: 'logs.md',
  systemdNotify: 'run-it.md#systemd',
  inspect: 'debugging.md',
  envFile: 'configuration.md#the-environment',
  resourceLimits: 'configuration.md#memory',
}

/** A cell of a table. */
const cell = (text) =>
  text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replace(/\s*\n\s*/g, ' ')

function optionRow(name) {
  const { allowed, meaning, isApiOnly, placeholder } = metaOf(name)
  const [, byDefault = ''] = /\(default(?: here)?: (.*)\)$/.exec(meaning) ?? []
  // What depends on the machine differs from one to the other.
  const isHere = meaning.includes('(default here:')
  const text = meaning.replace(/ \(default(?: here)?: .*\)$/, '')
  const flag = isSwitch(name) ? `--[no-]${kebab(name)}` : `--${kebab(name)} ${placeholder}`
  const flags = name === 'handler' ? 'by its place' : isApiOnly ? 'none' : `\`${cell(flag)}\``
  const more = pages[name] === undefined ? '' : ` ([more](${pages[name]}))`
  const usual = isHere ? 'by the machine, see [sizes](sizes.md)' : cell(byDefault)
  return `| \`${name}\` | ${flags} | ${cell(allowed)} | ${usual} | ${cell(text)}${more} |`
}

/** The sentence, with the names of what is filled in. */
function sentence(code) {
  const message = messages[code]
  const names = /^\(([^)]*)\)/.exec(String(message))?.[1] ?? ''
  const filled = names.split(',').map((one) => `‹${one.split('=')[0].trim()}›`)
  // Some take a list.
  for (const args of [filled, filled.map((one) => [one])])
    try {
      return cell(message(...args).replace(/'(‹[^›]*›)'/g, '$1'))
    } catch {
      // The other form.
    }
  throw new Error(`no sentence for ${code}`)
}

function errorRows() {
  const told = when.flatMap(([codes]) => codes)
  const missing = Object.keys(messages).filter((code) => !told.includes(code))
  const unknown = told.filter((code) => messages[code] === undefined)
  if (missing.length + unknown.length > 0)
    throw new Error(`docs/errors-when.js: missing ${missing}; unknown ${unknown}`)
  return when.flatMap(([codes, text]) =>
    codes.map((code) => `| \`${code}\` | ${text} | ${sentence(code)} |`),
  )
}

const tables = {
  'options.md': [
    '| option | flag | allowed | default | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...optionNames.map(optionRow),
  ],
  'errors.md': ['| code | when | what it says |', '| --- | --- | --- |', ...errorRows()],
}

for (const [name, lines] of Object.entries(tables)) {
  const url = new URL(name, import.meta.url)
  const text = readFileSync(url, 'utf8')
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${name} lacks its marks`)
  const written = `${text.slice(0, begin + BEGIN.length)}\n\n${lines.join('\n')}\n\n${text.slice(end)}`
  if (written === text) continue
  if (process.argv.includes('--check')) {
    console.error(`docs/${name} is not what the source says: npm run docs`)
    process.exitCode = 1
  } else writeFileSync(url, written)
}
