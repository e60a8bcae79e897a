/** What the keys of `forkthread top` do. What takes something away asks first. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { firstState } from '#dist/cli/top/looks.js'
import { type Key, type Pressed, press } from '#dist/cli/top/press.js'
import type { TopState } from '#dist/cli/top/state.js'
import { pageDataOf } from '../support/page-data.js'

const start = firstState(pageDataOf(['WW_', '___', '_W_']))
const typed = (text: string): Key => ({ name: text.toLowerCase(), sequence: text })
const named = (name: string): Key => ({ name, sequence: `\x1b[${name}` })

function keys(...pressed: Key[]): Pressed {
  return pressed.reduce<Pressed>(({ state }, key) => press(state, key), { state: start })
}

function orderOf({ effect }: Pressed): unknown {
  return effect?.do === 'order' ? effect.order : undefined
}

for (const [key, word, order] of [
  ['d', /Drain\?/, { name: 'drain', query: {} }],
  ['r', /Reload/, { name: 'reload', query: {} }],
  [
    '-',
    /Retire a process, so that they are 1:2\?/,
    { name: 'resize', query: { processes: '1:2' } },
  ],
  ['k', /Kill thread 0\.1, busy for 600ms/, { name: 'kill', query: { thread: '0.1' } }],
] as const) {
  test(`${key} asks, and only y means yes`, () => {
    const asked = keys(typed(key))
    assert.is(asked.effect, undefined)
    assert.match(asked.state.question?.text ?? '', word)
    const yes = press(asked.state, typed('y'))
    assert.equal(orderOf(yes), order)
    assert.is(yes.state.question, undefined)
    for (const other of [typed('n'), typed('q'), typed(key), named('escape'), named('return')]) {
      const no = press(asked.state, other)
      assert.is(no.effect, undefined, JSON.stringify(other))
      assert.is(no.state.question, undefined)
    }
  })
}

test('what gives something is done at once', () => {
  assert.equal(orderOf(keys(typed('+'))), { name: 'resize', query: { processes: '2:4' } })
  assert.equal(orderOf(keys(typed('u'))), { name: 'undrain', query: {} })
})

test('the last process stays', () => {
  const one = firstState(pageDataOf(['_']))
  const { state, effect } = press(one, typed('-'))
  assert.is(effect, undefined)
  assert.match(state.message?.lines.join() ?? '', /there must be one process/)
})

test('the thread to kill is the chosen one; where none is busy one must be chosen', () => {
  const idle = keys(named('down'), typed('k'))
  assert.is(idle.state.question, undefined)
  assert.match(idle.state.message?.lines.join() ?? '', /no thread of process 1 is busy/)
  const chosen = keys(named('down'), named('right'), named('down'), named('down'), typed('k'))
  assert.equal(chosen.state.question?.order, { name: 'kill', query: { thread: '1.1' } })
})

test('arrows go through processes and the threads of open ones, and stay inside', () => {
  const place = (...pressed: Key[]): TopState['chosen'] => keys(...pressed).state.chosen
  assert.equal(place(named('up')), { process: 0 })
  assert.equal(place(named('return'), named('down')), { process: 0, thread: 0 })
  assert.equal(place(named('end'), named('down')), { process: 2 })
  assert.equal(place(named('return'), named('end'), named('home')), { process: 0 })
  // Closed again, its threads can't be chosen.
  assert.equal(place(named('return'), named('down'), named('left')), { process: 0 })
  assert.is(keys(named('return'), named('return')).state.open.size, 0)
})

test('s sorts by the next, and help, pause and messages come and go', () => {
  const sorted = keys(typed('s'), typed('s'), typed('s'))
  assert.is(sorted.state.sort, 'memory')
  assert.ok(keys(typed('p')).state.isPaused)
  assert.not.ok(keys(typed('p'), { name: 'space', sequence: ' ' }).state.isPaused)
  const help = keys(typed('?'))
  assert.ok(help.state.isHelp)
  // A key that closes the help orders nothing.
  const after = press(help.state, typed('d'))
  assert.not.ok(after.state.isHelp)
  assert.is(after.state.question, undefined)
  const said: TopState = { ...start, message: { level: 'bad', lines: ['no'] } }
  assert.is(press(said, named('down')).state.message, undefined)
})

test('q ends, also from the help; Ctrl-C, Ctrl-Z and Ctrl-\\ are signals whatever is open', () => {
  assert.equal(keys(typed('q')).effect, { do: 'quit' })
  assert.equal(keys(typed('?'), typed('q')).effect, { do: 'quit' })
  for (const [sequence, signal] of [
    ['\x03', 'SIGINT'],
    ['\x1a', 'SIGTSTP'],
    ['\x1c', 'SIGQUIT'],
  ])
    for (const before of [[], [typed('d')], [typed('?')]]) {
      const { effect } = keys(...before, { ctrl: true, sequence: sequence ?? '' })
      assert.equal(effect, { do: 'signal', signal })
    }
  assert.is(keys(typed('x')).effect, undefined)
})

test.run()
