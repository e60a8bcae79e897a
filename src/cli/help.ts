import { bold, dim } from 'kleur/colors'
import { metaOf } from '../options/options.js'
import { flagNames, isSwitch, kebab } from './arguments.js'

/** The text of `forkthread --help`; every option comes from the schema. */
export function helpText(): string {
  const rows: [string, string][] = flagNames.map((name) => {
    const { placeholder, meaning, repeatable } = metaOf(name)
    const short = name === 'listen' ? '-l, ' : '    '
    const flag = isSwitch(name)
      ? `${short}--[no-]${kebab(name)}`
      : `${short}--${kebab(name)} ${placeholder}`
    return [flag, repeatable === true ? `${meaning}; may be repeated` : meaning]
  })
  rows.push(
    ['-c, --config FILE', 'a module whose default export holds options; flags win over it'],
    ['-v, --version', 'print the version'],
    ['-h, --help', 'print this'],
  )
  const width = Math.max(...rows.map(([flag]) => flag.length)) + 2
  const lines = rows.map(([flag, meaning]) => `  ${flag.padEnd(width)}${dim(meaning)}`)
  return `${bold('forkthread')}: processes x worker threads that serve HTTP or raw connections from shared listeners

${bold('Usage')}
  forkthread HANDLER [options] [-- ARGUMENTS of the handler]
  forkthread status|top|slow|reload|upgrade|stop --admin ADDRESS
  forkthread profile|heap --thread P.T [--seconds N] --admin ADDRESS > FILE
    status    what a running pool is doing; top shows it anew each second
    slow      which routes have blocked threads, and where in the code
    profile   a CPU profile of one thread, for DevTools (.cpuprofile); heap: a snapshot (.heapsnapshot)
    reload    new code and new options, process by process; the old ones go on if the first new one fails
    upgrade   a new parent (new node, new forkthread) takes over the listeners
    stop      finish the requests in flight and leave

${bold('Handler')}
  a module with  export default (request, response) => …      (also an Express app)
  or             export default { fetch(request) { … } }      (Hono and the like)
  or             export function connection(socket) { … }     (raw TCP or unix stream)

${bold('Options')}
${lines.join('\n')}

${bold('Addresses')}
  8080   127.0.0.1:8080   [::1]:8080   localhost:8080   unix:/run/app.sock
  unix:@app   fd:3   systemd   systemd:web

${bold('Signals')}
  INT, TERM   finish the requests in flight and leave; a second one ends at once
  QUIT        end at once
  HUP         reload
  USR2        upgrade
  TTIN, TTOU  one process more, one less

${bold('Exit status')}
  0 after a graceful stop, 1 when the start failed, 2 for wrong usage, 128 + the signal's number when ended at once
`
}
