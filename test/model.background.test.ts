/**
 * The protocols of src/sync, src/listener and src/parker as Promela models, checked by spin: every model must hold, and
 * every mutant (the same model with the protocol broken in one place) must fail.
 *
 * A model that fails: `spin -DFLAG -a test/model/NAME.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m3000000`, then
 * `spin -DFLAG -p -g -t test/model/NAME.pml` tells the interleaving.
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { packageRoot } from './support/paths.js'

interface Model {
  readonly name: string
  /** Sets of flags under which the model as it stands must hold. */
  readonly variants: readonly string[]
  /** Flags that break the protocol, each with the variant that shows it, and in which words. */
  readonly mutants: readonly (readonly [flags: string, broken: string])[]
  /** All variants have so few states that a good compilation takes longer than the search. */
  readonly isSmall?: true
}

/** Variants that say little for the time they take: with FORKTHREAD_STRESS only. */
function onDemand(...variants: readonly string[]): readonly string[] {
  return process.env.FORKTHREAD_STRESS === undefined ? [] : variants
}

const models: readonly Model[] = [
  {
    name: 'hand-off',
    variants: ['DEATH', 'EXCLUSIVE', 'AHEAD', ...onDemand('AHEAD DEATH')],
    mutants: [
      ['DROP_BATON', 'a thread that becomes busy wakes nobody for what is queued'],
      ['TAKE_SILENTLY', 'a thread that has taken one descriptor wakes nobody for the rest'],
      ['TAKE_UNANNOUNCED', 'a thread that has taken does not announce the room in the queue'],
      [
        'EXCLUSIVE SELF_SERVE_SILENT',
        'a thread that served itself several wakes nobody for the rest',
      ],
      ['SLEEP_BLINDLY', 'the listener thread sleeps without a look at the capacity'],
      ['SEEN_LATE', 'the listener thread reads the event count after that look'],
      ['LOOK_FIRST', 'a thread looks at the queue before it reads its wake count'],
      ['ANNOUNCE_FIRST', 'a thread announces capacity before it sets its bit'],
      ['IDLE_BLINDLY', 'a thread becomes idle without a look at the queue'],
      ['IF_FOR_WHILE', 'a thread that found the queue empty becomes idle without another look'],
      ['DEATH RECOVER_SILENTLY', 'nobody is woken for what a dead thread had been woken for'],
      ['AHEAD TRUST_AHEAD', 'a thread that was woken ahead counts, also if it has looked already'],
      ['AHEAD CLEAR_LATE', 'a woken thread looks at the queue before it clears its woken bit'],
    ],
  },
  {
    name: 'exclusive',
    isSmall: true,
    variants: ['DEATH OPEN', 'THREE', 'STOP OPEN', 'OLD OPEN', 'KILLED OPEN'],
    mutants: [
      ['STAY_ON', 'a thread that can take nothing passes on and stays on'],
      ['KEEP_TO_ITSELF', 'a thread that can take nothing switches off and passes nothing on'],
      ['CALLED_SLEEPS', 'a thread that was passed a call takes one and leaves the rest'],
      ['REQUEST_FIRST', 'a handler may run before the call that woke the loop is heard'],
      ['FORGET_CALL', 'a thread that has kept a call lets a handler run and passes nothing on'],
      ['FORGET_KEPT', 'a thread that has kept a call forgets that when it idles'],
      ['IDLE_OFF', 'a thread that found nothing idles without switching on'],
      ['OPEN LOOK_NEVER', 'a thread that has stepped back does not look again'],
      ['OLD TRUST_KERNEL', 'an old kernel is trusted to put the call before a request'],
      ['KILLED PARENT_SILENT', 'nothing is passed on for a killed child'],
      ['DEATH DIE_WATCHED', 'a thread dies and goes on being called'],
      ['DEATH DIE_SILENTLY', 'a thread dies and passes nothing on'],
      ['DEATH KEEP_BIT', 'a thread dies and goes on counting as idle'],
      ['DEATH NO_RECOVER', 'nothing is passed on for a thread that has died without hooks'],
      ['DEATH END_SILENTLY', 'nothing is passed on for a thread that is ended'],
      ['DEATH CLEAR_FIRST', 'the bit of a thread is cleared before it is known to end'],
      ['DEATH SET_BLINDLY', 'a thread that sets its bit does not look whether it is to end'],
      ['DEATH ADD_BLINDLY', 'a thread that switches on does not look whether it is to end'],
      ['DEATH TRUST_THREADS', 'a watch is ended while its thread may be switching it on'],
      ['STOP TRUST_THREADS', 'listeners are closed while a thread may be adding them'],
      ['STOP ADD_BLINDLY', 'a thread that switches on does not look whether the child stops'],
      ['STOP LEAVE_SILENTLY', 'nothing is passed on for a child that stops'],
      ['STOP STOP_SILENTLY', 'a thread of a child that stops keeps a signal that it has cleared'],
      ['STOP TRUST_NUMBERS', 'a thread of a child that stops asks listeners that are closed'],
    ],
  },
  {
    name: 'accept-mutex',
    variants: ['DEATH', 'OPEN'],
    mutants: [
      ['SKIP_SECOND_LOOK', 'the listener thread accepts without another look after the poll'],
      ['OPEN TAKE_FOR_OPEN', 'open threads get connections while another child has idle ones'],
      ['LOCK_FIRST', 'the mutex is taken before there is capacity'],
      ['KEEP_LOCK', 'the file lock is not released'],
      ['LOCK_STAYS', 'the file lock outlives its holder'],
      ['NO_TURN', 'threads of one child use the file lock alone'],
      ['SLEEP_BLINDLY', 'the listener thread sleeps without a look at the capacity'],
      ['DEATH NO_RECOVER', 'a dead thread keeps its turn'],
      ['DEATH RECOVER_TURN_ONLY', 'a dead thread keeps the file lock of its process'],
    ],
  },
  {
    name: 'mutex',
    variants: [''],
    mutants: [
      ['IMMORTAL IF_FOR_WHILE', 'a woken thread takes the lock for free'],
      ['IMMORTAL MARK_NOTHING', 'a thread sleeps without setting "waiters"'],
      ['IMMORTAL TAKE_WITHOUT_WAITERS', 'a woken thread takes the lock without "waiters"'],
      ['IMMORTAL SLEEP_UNCOMPARED', 'a thread sleeps whatever the word says'],
      ['IMMORTAL UNLOCK_IN_TWO', 'unlock reads the word and then frees it'],
      ['IMMORTAL UNLOCK_SILENTLY', 'unlock wakes nobody'],
      ['IMMORTAL WAKE_ONE', 'unlock spends its only wake-up on one that waits in lockAsync'],
      ['IMMORTAL LEAVE_WOKEN', 'a woken thread that is late leaves without a look at the lock'],
      ['RECOVER_SILENTLY', 'recover wakes nobody'],
      ['RECOVER_ONLY_HELD', 'recover wakes only when the dead thread held the lock'],
    ],
  },
  {
    name: 'parking',
    variants: [
      'PARKER_DEATH STOP',
      'PARKER_DEATH FULL',
      'WORKER_DEATH STOP',
      'WORKER_DEATH FULL',
      'PARKER_DEATH NO_PARKER',
    ],
    mutants: [
      [
        'WORKER_DEATH DUPLICATE_FIRST',
        'a thread duplicates before anything tells of the duplicate',
      ],
      ['WORKER_DEATH UNRESERVE_FIRST', 'a thread gives up its reservation before it notes'],
      ['WORKER_DEATH END_LATE', 'a thread notes before the table is known to reach so far'],
      ['WORKER_DEATH NO_SEARCH', 'nobody searches for what a dead thread noted and did not watch'],
      ['FULL TAKE_BACK_UNCOMPARED', 'a thread takes back what the parker has claimed'],
      [
        'WORKER_DEATH FULL CLOSE_MARKED',
        'a thread frees the number of what it takes back too early',
      ],
      ['FULL CLAIM_UNCOMPARED', 'the parker claims without comparing'],
      ['PARKER_DEATH CLAIM_UNNOTED', 'the parker claims before it notes'],
      [
        'PARKER_DEATH HOLD_FIRST',
        'the parker notes before it looks whether anything is parked there',
      ],
      ['PARKER_DEATH TRUST_NOTE', 'recovery trusts the note of a parker that had not claimed yet'],
      ['PARKER_DEATH MAIL_UNNOTED', 'what may be in the mailbox is not noted so'],
      ['PARKER_DEATH UNHAND_FIRST', 'the note is erased while the connection is open'],
      ['PARKER_DEATH CLOSE_NOTED', 'the number is free while it is noted'],
      ['PARKER_DEATH NO_FIRST_SEARCH', 'a new parker does not search'],
      ['STOP LOOK_NOT', 'a thread parks without a look whether parking is over'],
      ['WORKER_DEATH STOP EMPTY_ONCE', 'nobody looks behind a thread that dies after the end'],
    ],
  },
  {
    name: 'move',
    isSmall: true,
    variants: [
      ...['FULL', 'HELD FULL', 'LEAVER_DEATH FULL', 'HELD LEAVER_DEATH', 'PARKER_DEATH FULL'],
      ...['RECEIVER_DEATH', 'HELD RECEIVER_DEATH', 'RECEIVER_KILLED', 'HELD RECEIVER_KILLED'],
      ...['LEAVES FULL NO_ROOM', 'HELD LEAVES NO_ROOM', 'LEAVES PARKER_DEATH NO_ROOM'],
      ...['LEAVES RECEIVER_DEATH NO_ROOM', 'HELD LEAVES RECEIVER_KILLED'],
      ...[
        'FOLLOWS LEAVES NO_ROOM',
        'FOLLOWS LEAVES PARKER_DEATH',
        'FOLLOWS LEAVES LEAVER_DEATH NO_ROOM',
      ],
    ],
    mutants: [
      ['PARKER_DEATH MOVE_UNNOTED', 'what may be in the transfer is not noted so'],
      ['FULL KEEP_CLAIMED', 'what found no room is not parked again'],
      ['HELD DROP_FIRST', 'a thread drops its socket before the connection is in the transfer'],
      ['HELD READ_ON', 'a thread runs its event loop between the two'],
      ['RECEIVER_DEATH UNHAND_FIRST', 'the receiver erases what it has in hand before the note'],
      ['WATCH_NEWS', 'the receiver is not told of what had come before it watches'],
      ['RECEIVER_KILLED NO_PARENT', 'nobody sees the end of what no process takes'],
      ['LEAVES NO_ROOM TAKE_NOTHING_BACK', 'what nobody takes is not taken back'],
      ['HELD LEAVES NO_ROOM LEAVE_AT_ONCE', 'a process leaves before what it has sent is taken'],
      ['FOLLOWS LEAVES STAYS_BEHIND', 'a thread that leaves by itself does not follow its process'],
    ],
  },
  {
    name: 'late-refusal',
    variants: ['', 'FULL', 'FREE', 'FREE FULL'],
    mutants: [
      ['REFUSE_UNCOMPARED', 'whoever is accepted is refused'],
      ['FULL DROP_YOUNG', 'a young one that finds no room in the mailbox is dropped'],
      ['SLEEP_LONG', 'after a young one nobody looks for long'],
    ],
  },
  {
    name: 'fd-queue',
    isSmall: true,
    variants: ['', 'SELF_SERVE'],
    mutants: [
      ['IF_FOR_WHILE', 'a thread takes without a look at the queue under the lock'],
      ['TAKE_UNLOCKED', 'a thread takes without the lock'],
      ['NOTE_LATE', 'the descriptor is noted in hand after the head has moved'],
      ['TRUST_NOTE', 'recover trusts the note in hand without a look at the head'],
      ['WRAP_FIRST', 'a descriptor is wrapped before the note in hand is cleared'],
      ['KEEP_LOCK', 'recover does not free the lock'],
      ['SELF_SERVE TAIL_FIRST', 'the tail shows a place before it is written'],
      ['SELF_SERVE PUSH_UNNOTED', 'what a thread accepted itself is not noted before it is queued'],
    ],
  },
]

/** Steps of one path; more than any model needs. Spin reserves memory for them. */
const MOST_STEPS = 3_000_000
const FEW_STEPS = 1_500_000
const SHORT_STEPS = 1000
const MOST_MEMORY_MB = 3000
const AT_A_TIME = 2

interface Verdict {
  readonly errors: number
  readonly states: number
  readonly seconds: number
  /** Why the search was not complete, if it was not. */
  readonly cut: string | undefined
  /** What was found, in spin's words. */
  readonly found: string
  /** The statements that no path came to, by line and text. */
  readonly unreached: ReadonlySet<string>
}

const run = promisify(execFile)

function isThere(tool: string): boolean {
  return spawnSync(tool, ['--version']).error === undefined
}

const goodCompiler = ['cc', '-O2'] as const
/** tcc takes 15 ms where gcc takes at least 250, and most mutants fail within 100 ms; its program takes a quarter longer than gcc's. */
const quickCompiler = isThere('tcc') ? (['tcc', '-O0'] as const) : (['cc', '-O0'] as const)

/** How a model is searched: on paths so long, with a hash table of so many bits (to clear a large one takes its time, too). */
interface Search {
  readonly mostSteps: number
  readonly bits: number
}

const thorough: Search = { mostSteps: MOST_STEPS, bits: 24 }
const small: Search = { mostSteps: FEW_STEPS, bits: 18 }
/** On short paths a mutant fails sooner, as a rule. */
const short: Search = { mostSteps: SHORT_STEPS, bits: 18 }

/** Almost all of a search is misses of the processor's caches for addresses: there are fewer with huge pages (glibc 2.35). */
const HUGE_PAGES = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' }

async function check(model: Model, flags: string, isMutant: boolean): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'forkthread-model-'))
  try {
    const source = join(packageRoot, 'test', 'model', `${model.name}.pml`)
    const defines = flags.split(' ').flatMap((flag) => (flag === '' ? [] : [`-D${flag}`]))
    await run('spin', [...defines, '-a', source], { cwd: folder })
    const isQuick = isMutant || model.isSmall === true
    const [compiler, level] = isQuick ? quickCompiler : goodCompiler
    const limits = [level, '-DSAFETY', `-DMEMLIM=${MOST_MEMORY_MB}`]
    await run(compiler, ['-w', ...limits, '-o', 'pan', 'pan.c'], { cwd: folder })
    const startedAt = performance.now()
    const search = async ({ mostSteps, bits }: Search): Promise<Verdict> => {
      const options = { cwd: folder, env: { ...process.env, ...HUGE_PAGES } }
      const { stdout } = await run('./pan', [`-m${mostSteps}`, `-w${bits}`], options)
      return readVerdict(stdout, (performance.now() - startedAt) / 1000)
    }
    const first = isMutant ? await search(short) : undefined
    if (first !== undefined && first.errors > 0) return first
    return await search(model.isSmall === true ? small : thorough)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readVerdict(output: string, seconds: number): Verdict {
  const states = output.match(/^\s*(\S+) states, stored/m)?.[1]
  const unreached = output.matchAll(/\.pml:(\d+), state \d+, "(.*)"$/gm)
  return {
    errors: Number(output.match(/errors: (\d+)/)?.[1] ?? Number.NaN),
    states: Number(states ?? Number.NaN),
    seconds,
    cut: output.match(/.*(?:too small|out of memory|reached -DMEMLIM|not completed).*/)?.[0],
    found: output.match(/^pan:\d+: (.*)$/m)?.[1] ?? '',
    unreached: new Set([...unreached].map(([, line, text]) => `${line}: ${text}`)),
  }
}

/** The lines of a model's inlines and monitors: they stand for many places, of which not all need be reached. */
function sharedLines(name: string): ReadonlySet<number> {
  const lines = readFileSync(join(packageRoot, 'test', 'model', `${name}.pml`), 'utf8').split('\n')
  const shared = new Set<number>()
  let isShared = false
  for (const [index, line] of lines.entries()) {
    if (/^(inline|active proctype Monitor)/.test(line)) isShared = true
    if (isShared) shared.add(index + 1)
    if (line.startsWith('}')) isShared = false
  }
  return shared
}

/** Statements of a model that no variant has come to: a part of the protocol that is not checked at all. */
function neverReached(name: string, verdicts: readonly Verdict[]): string[] {
  const shared = sharedLines(name)
  const [first, ...others] = verdicts
  return [...(first?.unreached ?? [])].filter((statement) => {
    // The way out of a killed process may begin at any statement, so some begin nowhere.
    const isElsewhere =
      shared.has(Number.parseInt(statement, 10)) || /: (-end-|\(!)/.test(statement)
    return !isElsewhere && others.every(({ unreached }) => unreached.has(statement))
  })
}

const missing = ['spin', 'cc'].filter((tool) => !isThere(tool))
if (missing.length > 0) {
  const names = missing.join(' and ')
  const reason = `${names} not found (Debian: apt-get install spin gcc libc6-dev)`
  console.log(`skipped: ${reason}`)
  // Not `test.skip`: a file in which nothing ran looks broken to test/run.ts.
  test(`skipped, since ${reason}`, () => undefined)
} else {
  checkAll()
}
test.run()

function checkAll(): void {
  const lane = lanes(AT_A_TIME)
  const later = (model: Model, flags: string, isMutant: boolean): Promise<Verdict> => {
    const verdict = lane(() => check(model, flags, isMutant))
    // A failure is the matter of the test that waits for it, later.
    verdict.catch(() => undefined)
    return verdict
  }
  // The long ones first, so that both lanes end together.
  const holding = models.map((model) =>
    model.variants.map((flags) => ({ flags, verdict: later(model, flags, false) })),
  )
  const failing = models.map((model) =>
    model.mutants.map(([flags, broken]) => ({ flags, broken, verdict: later(model, flags, true) })),
  )

  for (const [index, { name }] of models.entries()) {
    const variants = holding[index] ?? []
    for (const { flags, verdict } of variants) {
      test(`${title(name, flags)} holds`, async () => {
        const { errors, states, seconds, cut, found } = await verdict
        print(title(name, flags), states, seconds, found || cut || 'holds')
        assert.is(errors, 0, found)
        assert.is(cut, undefined)
      })
    }
    test(`${name}: every statement is reached in some variant`, async () => {
      const verdicts = await Promise.all(variants.map(({ verdict }) => verdict))
      assert.equal(neverReached(name, verdicts), [])
    })
    for (const { flags, broken, verdict } of failing[index] ?? []) {
      test(`${title(name, flags)} fails: ${broken}`, async () => {
        const { errors, states, seconds, found } = await verdict
        print(title(name, flags), states, seconds, found)
        assert.is(errors, 1, 'spin found no counterexample')
      })
    }
  }
}

function title(name: string, flags: string): string {
  return flags === '' ? name : `${name} ${flags}`
}

function print(what: string, states: number, seconds: number, result: string): void {
  const short = result.length > 60 ? `${result.slice(0, 57)}...` : result
  console.log(
    `${what.padEnd(40)} ${String(states).padStart(9)} states ${seconds.toFixed(1).padStart(5)} s  ${short}`,
  )
}

/** Runs tasks in the order of the calls, so many at a time. */
function lanes(count: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => Promise<void>)[] = []
  let running = 0
  const next = (): void => {
    while (running < count && waiting.length > 0) {
      running++
      waiting
        .shift()?.()
        .finally(() => {
          running--
          next()
        })
    }
  }
  return (task) =>
    new Promise((resolve, reject) => {
      waiting.push(() => task().then(resolve, reject))
      next()
    })
}
