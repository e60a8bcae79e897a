import { age, bytes } from '../../admin/in-words.js'
import type { Size } from '../../admin/status-text.js'
import { fit, type Line, type Look, type Piece, padded, spread } from '../../admin/terminal-line.js'
import { wrap } from '../wrap.js'
import { boardLines } from './board-lines.js'
import { boardRows } from './board-rows.js'
import { helpLines } from './help-lines.js'
import { rateLines } from './rate-lines.js'
import { recentSection, runningSection, type Section, shareRows, slowSection } from './sections.js'
import type { Message, TopState } from './state.js'

/** From so many columns on sections stand side by side. */
const BESIDE_COLUMNS = 100
/** From so many lines on there is room for air between the parts. */
const AIRY_ROWS = 20
/** It is for information where the scoreboard takes more of them. */
const BOARD_SHARE = 0.4
/** From so many lines on plots are worth more than one line. */
const PLOT_ROWS = 16
const TALL_ROWS = 34

/** What is on the screen: at most `rows` lines, none wider than `columns`. */
export function view(state: TopState, { rows, columns }: Size): Line[] {
  const all = headLines(state, columns)
  const head = state.isHelp ? all.slice(0, 1) : all
  const foot = footLines(state, rows, columns)
  const body = Math.max(rows - head.length - foot.length, 0)
  const middle = state.isHelp ? helpLines(body) : bodyLines(state, body, rows, columns)
  const blank = Math.max(body - middle.length, 0)
  const lines = [...head, ...middle.slice(0, body), ...Array<Line>(blank).fill([]), ...foot]
  return lines.slice(0, rows).map((line) => fit(line, columns))
}

function headLines(state: TopState, columns: number): Line[] {
  const { stats, health, memory } = state.data
  const bar = barText(
    ` forkthread ${stats.pid}`,
    `generation ${stats.generation}, up ${age(stats.uptimeMs)} `,
    columns,
  )
  const level: Look = state.trouble === undefined ? health.level : 'bad'
  const text = state.trouble === undefined ? health.text : `No news: ${state.trouble}`
  const used = stats.processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0)
  const limit =
    memory === undefined ? '' : `, cgroup ${bytes(memory.usedBytes)} of ${bytes(memory.limitBytes)}`
  const paused: Line = state.isPaused ? [{ text: ' paused ', look: 'title' }] : []
  return [
    [{ text: bar, look: 'title' }],
    spread([{ text: ` ● ${text}`, look: level }], paused, columns),
    spread(acceptQueues(state), [{ text: `memory ${bytes(used)}${limit} `, look: 'dim' }], columns),
  ]
}

function barText(left: string, right: string, columns: number): string {
  const room = Math.max(columns - left.length, 0)
  return `${left}${right.padStart(room)}`
}

function acceptQueues({ data }: TopState): Line {
  return data.stats.listeners.flatMap(({ address, backlog }): Line => {
    const share = backlog.limit > 0 ? backlog.length / backlog.limit : 0
    const look: Look = share > 0.8 ? 'bad' : share > 0.3 ? 'warn' : 'dim'
    const waiting: Piece = { text: ` ${backlog.length}/${backlog.limit} waiting`, look }
    return [' ', address, waiting, ' ']
  })
}

function bodyLines(state: TopState, room: number, rows: number, columns: number): Line[] {
  const isBeside = columns >= BESIDE_COLUMNS
  const besideRows = rows >= TALL_ROWS ? 4 : 2
  const rates = rateLines(state, rows < PLOT_ROWS ? 1 : isBeside ? besideRows : 4, columns)
  const board = boardRows(state).length + 1
  const isAiry = rows >= AIRY_ROWS && board <= room * BOARD_SHARE
  const air: Line[] = isAiry ? [[]] : []
  const left = room - rates.length - 3 * air.length
  const sections = sectionsOf(state)
  const cost = 1 + air.length
  const wanted = wantedRows(sections, cost, isBeside)
  const reserved = Math.min(wanted, Math.max(Math.floor(left * 0.45), Math.min(left - 3, 3)))
  const boarded = boardLines(state, Math.min(board, left - reserved), columns)
  const below = Math.max(left - boarded.length, 0)
  const rest = isBeside
    ? besideLines(sections, below, cost, columns)
    : stacked(sections, below, cost)
  return [...air, ...rates, ...air, ...boarded, ...rest]
}

/** What runs now comes first, then what has happened; and what has blocked threads, which is known for longer. */
function sectionsOf({ data }: TopState): Section[] {
  const sections = [runningSection(data), recentSection(data), slowSection(data)]
  return sections.filter(({ lines }) => lines.length > 0)
}

const MOST_WANTED = 8

function wantedRows(sections: readonly Section[], cost: number, isBeside: boolean): number {
  const each = sections.map(({ lines }) => Math.min(lines.length, MOST_WANTED) + cost)
  return isBeside ? Math.max(0, ...each) : each.reduce((sum, one) => sum + one, 0)
}

function stacked(sections: readonly Section[], room: number, cost: number): Line[] {
  const wanted = sections.map(({ lines }) => lines.length)
  const given = shareRows(room, wanted, cost)
  return sections.flatMap(({ title, lines }, index): Line[] => {
    const count = given[index] ?? 0
    if (count === 0) return []
    const air: Line[] = cost > 1 ? [[]] : []
    return [...air, [{ text: ` ${title}`, look: 'strong' }], ...lines.slice(0, count)]
  })
}

/** What runs and what blocks at the left, what has happened at the right. */
function besideLines(
  sections: readonly Section[],
  room: number,
  cost: number,
  columns: number,
): Line[] {
  const isRecent = ({ title }: Section): boolean => title.startsWith('Recently')
  const right = stacked(sections.filter(isRecent), room, cost)
  const left = stacked(
    sections.filter((section) => !isRecent(section)),
    room,
    cost,
  )
  if (left.length === 0 || right.length === 0) return [...left, ...right]
  const width = Math.floor(columns / 2) - 1
  return Array.from({ length: Math.max(left.length, right.length) }, (_, row) => [
    ...padded(fit(left[row] ?? [], width), width + 2),
    ...(right[row] ?? []),
  ])
}

const KEYS: readonly (readonly [string, string])[] = [
  ['q', 'quit'],
  ['↑↓', 'choose'],
  ['Enter', 'open'],
  ['k', 'kill'],
  ['?', 'help'],
  ['s', 'sort'],
  ['d', 'drain'],
  ['r', 'reload'],
  ['+-', 'processes'],
  ['p', 'pause'],
]

function footLines(state: TopState, rows: number, columns: number): Line[] {
  const { question, message, isHelp } = state
  if (question !== undefined)
    return [
      [
        { text: ' y', look: 'key' },
        ' yes  ',
        { text: 'n', look: 'key' },
        ' no  ',
        { text: question.text, look: 'warn' },
      ],
    ]
  if (isHelp)
    return [
      [
        { text: ' any key', look: 'key' },
        { text: ' back', look: 'dim' },
      ],
    ]
  const keys: Line[] = KEYS.map(([key, name]) => [
    { text: ` ${key}`, look: 'key' },
    { text: ` ${name} `, look: 'dim' },
  ])
  return [...messageLines(message, rows < PLOT_ROWS ? 3 : 6, columns), fitting(keys, columns)]
}

/** Of steps the last, of an error the beginning. */
function messageLines(message: Message | undefined, most: number, columns: number): Line[] {
  if (message === undefined) return []
  const { level, lines } = message
  const wrapped = (level === 'bad' ? lines.slice(-1) : lines).flatMap((line) =>
    wrap(line, columns - 2),
  )
  const shown = level === 'bad' ? wrapped.slice(0, most) : wrapped.slice(-most)
  return shown.map((text): Line => [{ text: ` ${text}`, look: level }])
}

/** As many as have room, whole. */
function fitting(parts: readonly Line[], columns: number): Line {
  const line: Piece[] = []
  let room = columns
  for (const part of parts) {
    const pieces = part.map((piece) => (typeof piece === 'string' ? { text: piece } : piece))
    room -= pieces.reduce((sum, { text }) => sum + text.length, 0)
    if (room < 0) break
    line.push(...pieces)
  }
  return line
}
