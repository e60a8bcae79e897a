/** What `forkthread top` draws: it fits any terminal, says most where there is most room, and no text of a user steers anything. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PageData } from '#dist/admin/page-data.js'
import { textOf, widthOf } from '#dist/admin/terminal-line.js'
import { firstState, seen } from '#dist/cli/top/looks.js'
import { sparkline } from '#dist/cli/top/sparkline.js'
import type { TopState } from '#dist/cli/top/state.js'
import { view } from '#dist/cli/top/view.js'
import { HOSTILE, NOW, pageDataOf } from '../support/page-data.js'

const POOLS = {
  'two by two': ['W_', 'K_'],
  'eight by four': Array<string>(8).fill('WK__'),
  'thirty-two by eight': Array<string>(32).fill('WWKR___S'),
  'sixty-four by thirty-two': Array<string>(64).fill('W'.repeat(32)),
  empty: [],
} as const

function busyData(letters: readonly string[]): PageData {
  const data = pageDataOf(letters)
  const example = { at: NOW, process: 0, thread: 0, request: HOSTILE, blockedMs: 9, stack: [] }
  return {
    ...data,
    points: Array.from({ length: 300 }, (_, at) => ({
      ...{ at: NOW - 1000 * (300 - at), requestsPerSecond: at, p50Ms: 1, p99Ms: at % 60 },
      ...{ queueP50Ms: 0, queueP99Ms: at % 7, busyShare: (at % 10) / 10 },
    })),
    events: Array.from({ length: 40 }, (_, at) => ({
      ...{ at: NOW - 1000 * (40 - at), kind: 'error' as const, text: `${at} ${HOSTILE}` },
    })),
    running: Array.from({ length: 12 }, (_, at) => ({
      ...{ process: 0, thread: at, pid: 1, request: HOSTILE, inFlight: 2, busyMs: 9000 - at },
    })),
    slow: {
      slowThreshold: 100,
      routes: [
        {
          ...{ route: HOSTILE, count: 8, blockedMs: 4000, longestMs: 900, example },
          frames: [{ frame: 'run (file:///very/long/way/to/app/report.js:1:2)', share: 0.5 }],
        },
      ],
    },
  }
}

function screen(state: TopState, columns: number, rows: number): string {
  const lines = view(state, { columns, rows })
  assert.is(lines.length, rows)
  for (const line of lines) assert.ok(widthOf(line) <= columns, `${widthOf(line)}: ${textOf(line)}`)
  const text = lines.map(textOf).join('\n')
  assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  return text
}

for (const [name, letters] of Object.entries(POOLS)) {
  test(`a pool of ${name} fits every terminal, with all that may be open on it`, () => {
    const plain = firstState(busyData(letters))
    const states: TopState[] = [
      plain,
      { ...plain, isHelp: true },
      { ...plain, open: new Set([0, 1]), sort: 'busy', isPaused: true },
      { ...plain, trouble: HOSTILE },
      { ...plain, message: { level: 'bad', lines: [HOSTILE, 'a word '.repeat(99)] } },
      { ...plain, question: { text: HOSTILE.repeat(9), order: { name: 'drain', query: {} } } },
    ]
    for (const columns of [60, 80, 120, 200])
      for (const rows of [12, 16, 24, 50]) for (const state of states) screen(state, columns, rows)
  })
}

test('a small terminal has the essentials, a larger one more', () => {
  const state = firstState(busyData(['W_', 'K_']))
  const small = screen(state, 60, 12)
  assert.match(small, /^ forkthread 3784 +generation 2, up 1\.9h $/m)
  assert.match(small, /^ ● Serving: 3 of 4 threads idle, 3 connections waiting$/m)
  assert.match(small, /^ 1235\/s {2}3\.2ms p50 {2}812ms p99 {2}12ms queue p99 {2}62% busy $/m)
  assert.match(small, /^▸ {3}0 .* {3}W {3}_ $/m)
  assert.match(small, /^▸ {3}1 .* {3}K {3}_ $/m)
  assert.match(small, / q quit .*\? help /)
  assert.not.match(small, /▁/)
  const usual = screen(state, 80, 24)
  assert.match(usual, /^ duration {3}3\.2ms {2}p99 812ms .*▃▃▃.*██$/m)
  assert.match(usual, /Longest running now\n {4}9\.0s {2}0\.0 {3}GET \/\?\]0;owned/)
  assert.match(usual, /Recently, 3 deaths, 2 reloads\n \d\d:\d\d:\d\d {2}error {4}39 GET/)
  assert.match(usual, /blocked threads for over 100ms\n {4}4\.0s {2}8× {4}GET /)
  assert.match(screen(state, 200, 50), / {2}50% run \(app\/report\.js:1:2\)/)
  assert.match(screen(state, 120, 24), /requests .* duration .* queue time .* busy /)
  assert.match(screen(state, 120, 24), /Longest running now +Recently/)
  assert.match(screen(state, 200, 50), / W 300ms {3}_ /)
})

test('the help has room on the smallest terminal', () => {
  const help = screen({ ...firstState(pageDataOf(['W_'])), isHelp: true }, 60, 12)
  assert.match(
    help,
    /↑ ↓ [\s\S]* pause; quit\n {3}S starting[\s\S]* G finishing {2}red: for over 1s\n any key back$/,
  )
})

test('columns give way to threads, and rows to the chosen process', () => {
  const many = firstState(pageDataOf(POOLS['thirty-two by eight']))
  assert.match(screen(many, 60, 12), /^ +▾# .* {2}THREADS/m)
  const full = firstState(pageDataOf(POOLS['sixty-four by thirty-two']))
  assert.match(screen(full, 60, 24), /W{32}/)
  const one = { ...firstState(pageDataOf(['_'])), sort: 'busy' as const }
  assert.match(screen(one, 60, 24), / ▾THREADS$/m)
  const chosen = { ...many, chosen: { process: 30 } }
  const text = screen(chosen, 80, 24)
  assert.match(text, /^▸ {2}30 /m)
  assert.match(text, / to \d+ of 32$/m)
  assert.not.match(text, /^▸ {3}0 /m)
})

test('an open process says what each of its threads does', () => {
  const data = busyData(['W_K', '___'])
  const state = { ...firstState(data), open: new Set([0]), chosen: { process: 0, thread: 1 } }
  const text = screen(state, 120, 40)
  assert.match(text, /^ {5}0\.0 {4}W {4}9\.0s {2}GET .* 1 conn .*heap 16M$/m)
  assert.match(text, /^ {3}▸ 0\.1 {4}_ /m)
})

test('rates come of two looks, and a new process has none yet', () => {
  const before = pageDataOf(['__', '__'])
  const [first, second] = before.stats.processes
  assert.ok(first !== undefined && second !== undefined)
  const [thread] = first.threads
  assert.ok(thread !== undefined)
  const later = {
    ...first,
    cpuMs: first.cpuMs + 500,
    threads: [{ ...thread, requests: thread.requests + 250 }],
  }
  const processes = [later, { ...second, pid: 9999 }]
  const now = { ...before, now: NOW + 1000, stats: { ...before.stats, processes } }
  const { rates } = seen(firstState(before), now)
  assert.equal([...rates], [[first.pid, { cpuShare: 0.5, requestsPerSecond: 150 }]])
})

test('what was chosen and is gone gives way to the next of kin', () => {
  const state = { ...firstState(pageDataOf(['__', '__'])), open: new Set([1]) }
  const chosen = { ...state, chosen: { process: 1, thread: 1 } }
  assert.equal(seen(chosen, pageDataOf(['__', '_'])).chosen, { process: 1 })
  assert.equal(seen(chosen, pageDataOf(['__'])).chosen, { process: 0 })
})

test('bars stand at the right, on a ground, in as many lines as there are', () => {
  assert.equal(sparkline([0, 4, 8], 5, 8), ['  ▁▄█'])
  assert.equal(sparkline([1, 2, 3], 2, 3), ['▅█'])
  assert.equal(sparkline([0, 1, 2], 3, 2, 2), ['  █', '▁██'])
})

test.run()
