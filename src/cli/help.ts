import { bold, dim } from 'kleur/colors'
import { metaOf } from '../options/schema.js'
import { flagNames, isSwitch, kebab } from './flags.js'
import { terminalColumns, twoColumns, wrap } from './wrap.js'

type Row = readonly [string, string]

const COMMANDS: readonly Row[] = [
  ['list', 'the pools of this user that run here; where only one does, the others need no address'],
  ['status', 'what a running pool is doing, on one screen (--json: for programs)'],
  ['top', 'the same live, with keys to drain, resize, reload, and kill a stuck thread; ? is help'],
  ['slow', 'which routes have blocked threads, and where in the code'],
  [
    'profile P.T',
    'a CPU profile of one thread, for DevTools (--seconds N); heap: a snapshot. Redirect it into a file',
  ],
  [
    'reload',
    'new code and new options, process by process; the old ones go on if the first new one fails',
  ],
  ['upgrade', 'a new parent (new node, new forkthread) takes over the listeners'],
  ['stop', 'finish the requests in flight and leave'],
  ['resize', 'other numbers of --processes, --threads, --spares'],
  ['drain', '/ready turns 503, and the pool serves on; undrain takes it back'],
  ['kill P.T', 'end a thread, and say where it was; it is replaced'],
  ['log-level L', 'trace, debug, info, warn, error, fatal or silent'],
]

const HANDLERS: readonly Row[] = [
  ['a program', 'that makes its own server and calls listen(), unchanged'],
  ['or a module', 'with one of these exports:'],
  ['', 'export default (request, response) => … (also an Express app)'],
  ['', 'export default { fetch(request) { … } } (Hono and the like)'],
  ['', 'export function connection(socket) { … } (raw TCP or unix stream)'],
]

const SIGNALS: readonly Row[] = [
  ['INT, TERM', 'finish the requests in flight and leave; a second one ends at once'],
  ['QUIT', 'end at once'],
  ['HUP', 'reload'],
  ['USR2', 'upgrade'],
  ['TTIN, TTOU', 'one process more, one less'],
]

/** The text of `forkthread --help`, for a terminal of so many columns; every option comes from the schema. */
export function helpText(columns = terminalColumns()): string {
  const table = (rows: readonly Row[]): string => twoColumns(rows, columns, dim).join('\n')
  const text = (line: string): string =>
    wrap(line, columns - 2)
      .map((part) => `  ${part}`)
      .join('\n')
  return `${bold('forkthread')}: processes x worker threads that serve from shared listeners

${bold('Usage')}
${text('forkthread HANDLER [options] [-- ARGUMENTS of the handler]')}
${text('forkthread COMMAND [what it is about] [--admin ADDRESS | --pid N | --pid-file FILE]')}
${table(COMMANDS)}

${bold('Handler')}
${table(HANDLERS)}

${bold('Options')}
${text('Times are in ms, or with a unit (500ms, 10s, 5m, 1h); sizes in bytes, or with a unit (512K, 64M, 2G).')}

${table(optionRows())}

${bold('Addresses')}
${text('8080   127.0.0.1:8080   [::1]:8080   localhost:8080')}
${text('unix:/run/app.sock   unix:@app   fd:3   systemd   systemd:web   https://0.0.0.0:443 (of any form)')}

${bold('Signals')}
${table(SIGNALS)}

${bold('Exit status')}
${text("0 after a graceful stop, 1 when the start failed, 2 for wrong usage, 128 + the signal's number when ended at once")}
`
}

function optionRows(): readonly Row[] {
  const rows = flagNames.map((name): Row => {
    const { placeholder, meaning, repeatable } = metaOf(name)
    const short = name === 'listen' ? '-l, ' : '    '
    const flag = isSwitch(name)
      ? `${short}--[no-]${kebab(name)}`
      : `${short}--${kebab(name)} ${placeholder}`
    return [flag, repeatable === true ? `${meaning}; may be repeated` : meaning]
  })
  return [
    ...rows,
    ['-c, --config FILE', 'a file with options (.js, .ts or .json); flags win over it'],
    ['-v, --version', 'print the version'],
    ['-h, --help', 'print this'],
  ]
}
