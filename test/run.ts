/**
 * Runs the tests: `npm test`, or `npm test -- mutex reload` for the files whose names contain one of the words.
 *
 * Each file is a process of its own, so a crash, a leaked handle or a changed signal handler is the
 * matter of one file. Five run at a time; `*.serial.test.ts` run one by one behind them, since they load the machine. `*.background.test.ts` only
 * compute, and no clock is in them: they run one by one from the beginning, with the CPU time that the others leave.
 *
 * A file that fails in a run of all is run once more, by itself: it counts by that, and is named at the end, since a test that a busy machine
 * makes fail is to be mended.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from './support/paths.js'
import { descendants, send, sessionMembers } from './support/processes.js'
import { until, within } from './support/until.js'

const FILES_AT_A_TIME = 5
const TIME_LIMIT_MS = 240_000
/** How long a file's processes may take to leave after the file itself, and its output to end. */
const GRACE_MS = 2_000

/** Files that may take longer than the common limit, by the name in the report. */
const longerLimitsMs: Readonly<Record<string, number>> = {
  // These last as long as the others keep the machine busy.
  'model.background': 2_000_000,
  'sync/stress.background': 2_000_000,
  'chaos.serial': 240_000,
  'process-deaths': 360_000,
  'thread-deaths': 360_000,
}

/** Those that take longest. */
const longest: readonly string[] = [
  ...['retire-under-load', 'process-deaths', 'move', 'keep-alive', 'thread-deaths', 'reload'],
  ...['upgrade', 'signals', 'doc-commands', 'idle-cpu', 'rough-weather', 'tls', 'fuzz'],
  ...['accept-mutex', 'output', 'programs', 'live-top', 'park', 'package', 'stop-order'],
  ...['keep-alive-bytes', 'upgrade-programs', 'move-clients', 'http', 'async-context'],
  ...['spares', 'cli', 'recycle', 'http2', 'drain', 'systemd', 'secure-programs', 'metrics'],
]

/** Those that need the registry, and so what this machine says of certificates. */
const usesRegistry = (name: string) => name === 'package'
const isSerial = (name: string) => name.endsWith('.serial')
const isBackground = (name: string) => name.endsWith('.background')

const testFolder = join(packageRoot, 'build', 'test')

interface Result {
  readonly name: string
  readonly passed: number
  readonly total: number
  readonly skipped: number
  readonly failed: number
  readonly seconds: number
  /** See `cpuSeconds`; of two files that end at the same moment one has what both took. */
  readonly cpuSeconds: number | undefined
  /** What is wrong beyond single tests that failed. */
  readonly problem: string | undefined
  readonly output: string
}

/** Names of the test files, such as `sync/mutex` or `retire-under-load.serial`. */
function findTests(filters: readonly string[]): string[] {
  return (
    readdirSync(testFolder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.js'))
      // tsc leaves the output of a deleted or renamed source in place.
      .filter((path) => existsSync(join(packageRoot, 'test', path.replace(/\.js$/, '.ts'))))
      .map((path) => path.slice(0, -'.test.js'.length))
      .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
      .sort()
  )
}

/** The counts that uvu prints at the end; nothing if the file did not come so far. */
function readSummary(output: string) {
  const pattern = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm
  const last = [...output.matchAll(pattern)].at(-1)
  if (!last) return undefined
  return { total: Number(last[1]), passed: Number(last[2]), skipped: Number(last[3]) }
}

const runningFiles = new Set<number>()

async function runFile(name: string): Promise<Result> {
  const startedAt = performance.now()
  const limitMs = longerLimitsMs[name] ?? TIME_LIMIT_MS
  // A session and group of its own, so that a time-out reaches all that the file has started.
  const child = spawn(process.execPath, [join(testFolder, 'run-file.js'), name], {
    cwd: packageRoot,
    detached: true,
    env: environmentOf(name),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`could not start ${process.execPath} for ${name}`)
  runningFiles.add(pid)
  if (isBackground(name)) lower(pid)

  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const outputEnded = new Promise<void>((resolve) => child.once('close', () => resolve()))

  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    killFile(pid)
  }, limitMs)
  let cpuSeconds: number | undefined
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (...exit) => {
      cpuSeconds = cpuSecondsSinceLast()
      resolve(exit)
    })
  })
  clearTimeout(timer)

  const leftBehind = await remaining(pid)
  for (const member of leftBehind) send(member, 'SIGKILL')
  runningFiles.delete(pid)
  // Who holds the pipes now has left the session; its output is not worth waiting for.
  await within(outputEnded, GRACE_MS, 'end of output').catch(() => {
    child.stdout.destroy()
    child.stderr.destroy()
  })

  const summary = readSummary(output)
  const { total, passed, skipped } = summary ?? { total: 0, passed: 0, skipped: 0 }
  let problem: string | undefined
  if (timedOut) problem = `timed out after ${limitMs / 1000} s`
  else if (signal) problem = `ended by ${signal}`
  else if (!summary && code !== 0) problem = `exit code ${code} before the end of its tests`
  else if (total === 0 && skipped === 0) problem = 'ran no test'
  else if (leftBehind.length > 0) problem = `left processes behind: ${leftBehind.join(', ')}`
  else if (code !== 0 && passed === total) problem = `exit code ${code} although all passed`
  // uvu swallows the error of a `before` hook, exits with 0 and counts none of the tests as passed.
  else if (code === 0 && passed < total) problem = 'a hook threw, so tests did not run'

  return {
    name,
    passed,
    total,
    skipped,
    failed: Math.max(total - passed, problem ? 1 : 0),
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds,
    problem,
    output,
  }
}

/**
 * Without the authorities of this machine: each of the thousands of processes that the tests start would read and parse all of
 * them first, which is twice the work of the start itself.
 */
function environmentOf(name: string): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS, ...others } = process.env
  const authorities = usesRegistry(name) ? { NODE_EXTRA_CA_CERTS } : {}
  return { ...others, ...authorities, NO_COLOR: '1', FORCE_COLOR: '0' }
}

/** CPU time of all that has been run so far, but for processes whose parents had died before them. */
function cpuSeconds(): number | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // Of children that were waited for, in hundredths of a second (see proc(5)).
    return (Number(fields[13]) + Number(fields[14])) / 100
  } catch {
    // Linux only.
    return undefined
  }
}

let cpuSecondsBefore = 0

/** What the file took that has just been waited for. */
function cpuSecondsSinceLast(): number | undefined {
  const now = cpuSeconds()
  if (now === undefined) return undefined
  const since = now - cpuSecondsBefore
  cpuSecondsBefore = now
  return since
}

/** Gives a file and all that it starts the CPU time that others leave. */
function lower(pid: number): void {
  setPriority(pid, constants.priority.PRIORITY_LOW)
  try {
    // Where Linux shares out by session (sched_autogroup), a low priority counts within the session only.
    writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_LOW))
  } catch {
    // It has no such file, or the file is gone already.
  }
}

/** Those of the file's session that stay although the file is gone. */
async function remaining(pid: number): Promise<number[]> {
  try {
    await until(() => sessionMembers(pid).length === 0, GRACE_MS, 'no process left')
    return []
  } catch {
    return sessionMembers(pid)
  }
}

/** Ends the file's process group, and the sessions that its programs lead (see support/cli.ts). */
function killFile(pid: number): void {
  // The table first: when the file is dead, its programs are no longer its descendants.
  const members = descendants(pid).flatMap(sessionMembers)
  send(-pid, 'SIGKILL')
  for (const member of new Set(members)) send(member, 'SIGKILL')
}

async function runAll(
  names: readonly string[],
  atATime: number,
  report: (result: Result) => void,
): Promise<void> {
  const queue = [...names]
  const lanes = Array.from({ length: atATime }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      report(await runFile(name))
    }
  })
  await Promise.all(lanes)
}

function print(result: Result): void {
  const { name, passed, total, skipped, failed, seconds, cpuSeconds, problem, output } = result
  const verdict = failed > 0 ? 'FAIL' : 'pass'
  const counts = `${passed}/${total}${skipped > 0 ? `, ${skipped} skipped` : ''}`
  const notes = problem ? `  ${problem}` : ''
  const times = `${seconds.toFixed(1).padStart(6)} s  ${cpuSeconds?.toFixed(1).padStart(5) ?? '?'} s CPU`
  console.log(`${verdict}  ${name.padEnd(36)} ${counts.padEnd(8)} ${times}${notes}`)
  if (failed > 0) console.log(`${output.trimEnd()}\n`)
}

// The files are out of reach of the terminal's Ctrl-C, so it has to be passed on.
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    for (const pid of runningFiles) killFile(pid)
    process.exit(status)
  })
}

const filters = process.argv.slice(2)
const names = findTests(filters)
let passed = 0
// Nothing to run is a mistake in the filter or the build, and must not look like success.
let failed = names.length === 0 ? 1 : 0
if (names.length === 0) console.log(`no test file matches: ${filters.join(' ') || '(any)'}`)

const report = (result: Result) => {
  passed += result.passed
  failed += result.failed
  print(result)
}
const again: string[] = []
/** In a run of all there is a second chance. */
const reportFirst = (result: Result) => {
  if (result.failed === 0 || filters.length > 0) return report(result)
  again.push(result.name)
  print(result)
}
/** What takes long begins first, so that the lanes end together. */
const takesLong = (name: string) => longest.indexOf(name) >>> 0
const isOrdinary = (name: string) => !isSerial(name) && !isBackground(name)
const ordinary = names.filter(isOrdinary).sort((a, b) => takesLong(a) - takesLong(b))
const elapsed = () => `${(performance.now() / 1000).toFixed(0)} s`
/** When each kind of file was done: those who wait for another leave a processor idle. */
const ends: string[] = []
const ended = (kind: string) => ends.push(`${kind} until ${elapsed()}`)
const background = runAll(names.filter(isBackground), 1, reportFirst).then(() =>
  ended('background'),
)
await runAll(ordinary, FILES_AT_A_TIME, reportFirst)
ended('ordinary')
await runAll(names.filter(isSerial), 1, reportFirst)
ended('serial')
await background
if (again.length > 0) console.log(`\nonce more, by itself: ${again.join(', ')}`)
await runAll(again, 1, report)

console.log(`CPU time: ${cpuSeconds()?.toFixed(0) ?? '?'} s, in ${elapsed()}: ${ends.join(', ')}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
