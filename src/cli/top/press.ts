import { age } from '../../admin/in-words.js'
import type { ThreadStats } from '../../shared/stats.js'
import { boardRows, isSame } from './board-rows.js'
import { type Question, SORTS, type TopOrder, type TopState } from './state.js'

/** A key as `readline` names it: with what it types, if its name is not that. */
export interface Key {
  readonly name?: string | undefined
  readonly ctrl?: boolean
  readonly sequence?: string
}

export type Effect =
  | { readonly do: 'quit' }
  /** As Ctrl-C and Ctrl-Z do where the terminal makes signals of them. */
  | { readonly do: 'signal'; readonly signal: 'SIGINT' | 'SIGTSTP' | 'SIGQUIT' }
  | { readonly do: 'redraw' }
  | { readonly do: 'order'; readonly order: TopOrder }

export interface Pressed {
  readonly state: TopState
  readonly effect?: Effect
}

const SIGNAL_KEYS: Readonly<Record<string, 'SIGINT' | 'SIGTSTP' | 'SIGQUIT'>> = {
  '\x03': 'SIGINT',
  '\x1a': 'SIGTSTP',
  '\x1c': 'SIGQUIT',
}

const PAGE = 10

/**
 * What a key does. An order that takes something away is asked back about first; whatever key is not `y` then means no, and
 * nothing else.
 */
export function press(state: TopState, key: Key): Pressed {
  const sequence = key.sequence ?? ''
  const signal = SIGNAL_KEYS[sequence]
  if (signal !== undefined) return { state, effect: { do: 'signal', signal } }
  if (sequence === '\f') return { state, effect: { do: 'redraw' } }
  if (state.question !== undefined) {
    const { order } = state.question
    const answered = { ...state, question: undefined }
    if (sequence !== 'y' && sequence !== 'Y') return { state: answered }
    return { state: answered, effect: { do: 'order', order } }
  }
  if (state.isHelp && sequence !== 'q') return { state: { ...state, isHelp: false } }
  const fresh = { ...state, message: undefined }
  const move = MOVES[key.name ?? '']
  if (move !== undefined) return { state: moved(fresh, move) }
  return (KEYS[sequence] ?? KEYS[key.name ?? ''] ?? ((same) => ({ state: same })))(fresh)
}

const MOVES: Readonly<Record<string, number>> = {
  up: -1,
  down: 1,
  pageup: -PAGE,
  pagedown: PAGE,
  home: Number.NEGATIVE_INFINITY,
  end: Number.POSITIVE_INFINITY,
}

function moved(state: TopState, by: number): TopState {
  const places = boardRows(state).map(({ place }) => place)
  const at = places.findIndex((place) => isSame(place, state.chosen))
  const next = places[Math.min(Math.max(at + by, 0), places.length - 1)]
  return next === undefined ? state : { ...state, chosen: next }
}

type Act = (state: TopState) => Pressed

const KEYS: Readonly<Record<string, Act>> = {
  q: (state) => ({ state, effect: { do: 'quit' } }),
  '?': (state) => ({ state: { ...state, isHelp: true } }),
  h: (state) => ({ state: { ...state, isHelp: true } }),
  s: (state) => {
    const next = SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? 'number'
    return { state: { ...state, sort: next } }
  },
  p: (state) => ({ state: { ...state, isPaused: !state.isPaused } }),
  ' ': (state) => ({ state: { ...state, isPaused: !state.isPaused } }),
  return: (state) => ({ state: opened(state, !state.open.has(state.chosen.process)) }),
  enter: (state) => ({ state: opened(state, !state.open.has(state.chosen.process)) }),
  right: (state) => ({ state: opened(state, true) }),
  left: (state) => ({ state: opened(state, false) }),
  d: (state) => asked(state, 'Drain? /ready says 503, and the pool serves on', 'drain'),
  u: (state) => ordered(state, 'undrain'),
  r: (state) => asked(state, 'Reload: new code, process by process?', 'reload'),
  '+': (state) => ordered(state, 'resize', { processes: rangeMoved(state, 1).text }),
  '-': (state) => {
    const { text, isFewest } = rangeMoved(state, -1)
    if (isFewest) return refused(state, 'there must be one process')
    return asked(state, `Retire a process, so that they are ${text}?`, 'resize', {
      processes: text,
    })
  },
  k: (state) => {
    const found = toKill(state)
    if (found === undefined)
      return refused(
        state,
        `no thread of process ${state.chosen.process} is busy: open it (Enter) and choose one`,
      )
    const { id, busyMs } = found
    const name = `${state.chosen.process}.${id}`
    const doing = busyMs > 0 ? `, busy for ${age(busyMs)}? Its requests are lost` : '?'
    return asked(state, `Kill thread ${name}${doing}`, 'kill', { thread: name })
  },
}

function opened(state: TopState, isOpen: boolean): TopState {
  const { process } = state.chosen
  const open = new Set(state.open)
  if (isOpen) {
    open.add(process)
    return { ...state, open }
  }
  open.delete(process)
  return { ...state, open, chosen: { process } }
}

function ordered(state: TopState, name: TopOrder['name'], query: TopOrder['query'] = {}): Pressed {
  return { state, effect: { do: 'order', order: { name, query } } }
}

function asked(
  state: TopState,
  text: string,
  name: TopOrder['name'],
  query: TopOrder['query'] = {},
): Pressed {
  const question: Question = { text, order: { name, query } }
  return { state: { ...state, question } }
}

function refused(state: TopState, why: string): Pressed {
  return { state: { ...state, message: { level: 'bad', lines: [why] } } }
}

/** Both limits, so that the step is taken whatever the load, as the signals TTIN and TTOU do it. */
function rangeMoved({ data }: TopState, by: 1 | -1): { text: string; isFewest: boolean } {
  const { min, max } = data.ranges.processes
  const next = { min: Math.max(min + by, 1), max: Math.max(max + by, 1) }
  const text = next.min === next.max ? String(next.min) : `${next.min}:${next.max}`
  return { text, isFewest: next.min === min && next.max === max }
}

/** The chosen thread, or the one of the chosen process that has been busy for the longest time. */
function toKill({ data, chosen }: TopState): ThreadStats | undefined {
  const threads = data.stats.processes.find(({ slot }) => slot === chosen.process)?.threads ?? []
  if (chosen.thread !== undefined) return threads.find(({ id }) => id === chosen.thread)
  const busy = threads.filter(({ busyMs }) => busyMs > 0)
  return busy.sort((one, other) => other.busyMs - one.busyMs)[0]
}
