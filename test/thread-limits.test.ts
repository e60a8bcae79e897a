/** What a thread can't do: each row of the table in docs/programs.md. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startCli } from './support/cli.js'
import { tableRows } from './support/doc-table.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { send } from './support/processes.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

const program = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'limits.cjs')
const refused = 'ERR_WORKER_UNSUPPORTED_OPERATION'

/** By the beginning of the row: what the program's attempts find. */
const rows: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '`process.chdir()`, `process.setuid()` and its like, `process.umask(mask)`, `process.abort()`': {
    chdir: refused,
    setuid: refused,
    setgid: refused,
    umask: refused,
    abort: refused,
  },
  '`process.umask()`': { 'umask to read': 'number' },
  '`process.send`, `process.connected`': { send: 'undefined', connected: 'undefined' },
  '`process.stdin`': { stdin: 'ended' },
  'signals from outside other than the leave (`SIGUSR2`, `SIGHUP`, …)': {
    'a signal from outside': false,
  },
  // A program of its own, below.
  'native add-ons that are not context-aware': {},
}

test('every row of the table is tried', () => {
  const inDocs = tableRows('programs.md', "What a thread can't do").map(([call]) => call)
  assert.equal(inDocs, Object.keys(rows))
})

test('what concerns the whole process is refused or absent, and the thread goes on', async () => {
  const size = ['--processes', '1', '--threads', '1']
  await using running = startCli([program, '--listen', '127.0.0.1:0', ...size])
  const [url = ''] = await running.ready()
  for (const pid of running.children()) send(pid, 'SIGUSR2')
  const found = async (): Promise<Record<string, unknown>> => JSON.parse((await get(url)).body)
  await until(async () => (await found()).stdin === 'ended', 30_000, 'the end of stdin')
  const tried = await found()
  for (const [row, expected] of Object.entries(rows))
    for (const [attempt, outcome] of Object.entries(expected))
      assert.is(tried[attempt], outcome, `${row}: ${attempt}`)
  assert.not.match(running.stderr, 'FT_ERR')
})

/** Registers itself once for the process, as add-ons did before there were threads (`node_module` of node.h). */
const OLD_ADD_ON = `
struct node_module { int version; unsigned flags; void *handle; const char *file; void (*init)(void);
  void (*init_context)(void); const char *name; void *data; struct node_module *next; };
extern void node_module_register(void *);
static void init(void) {}
static struct node_module self = { MODULES, 0, 0, "old.c", init, 0, "old", 0, 0 };
__attribute__((constructor)) static void begin(void) { node_module_register(&self); }
`

testWith('cc', 'a native add-on that is not context-aware fails in the second thread', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('old.c'), OLD_ADD_ON)
  const define = `-DMODULES=${process.versions.modules}`
  const files = ['-o', folder.file('old.node'), folder.file('old.c')]
  execFileSync('cc', ['-shared', '-fPIC', define, ...files])
  writeFileSync(
    folder.file('app.cjs'),
    `let found
try { require('./old.node'); found = 'loaded' } catch (error) { found = error.message }
console.log('found:', found)
require('node:http').createServer((_, response) => response.end(found)).listen(3000)`,
  )
  const size = ['--processes', '1', '--threads', '2', '--spares', '2:2']
  await using running = startCli([folder.file('app.cjs'), '--listen', '127.0.0.1:0', ...size])
  await running.ready()
  await running.output(/found: loaded/)
  await running.output(/found: Module did not self-register/)
})

test.run()
