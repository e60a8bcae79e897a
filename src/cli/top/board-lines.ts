import { age, bytes, percent, plural, short } from '../../admin/in-words.js'
import {
  fit,
  type Line,
  type Look,
  type Piece,
  padded,
  spread,
  widthOf,
} from '../../admin/terminal-line.js'
import type { ProcessStats, ThreadStats } from '../../shared/stats.js'
import { type BoardRow, boardRows, isSame } from './board-rows.js'
import type { Rate, Sort, TopState } from './state.js'

/** A thread that has been busy for longer is shown in red. */
const LATE_MS = 1000

interface Column {
  readonly title: string
  readonly width: number
  readonly sort?: Sort
  readonly isText?: boolean
  readonly cell: (process: ProcessStats, rate: Rate | undefined) => string
}

const COLUMNS = {
  number: { title: '#', width: 3, sort: 'number', cell: ({ slot }) => String(slot) },
  pid: { title: 'PID', width: 8, cell: ({ pid }) => String(pid) },
  state: { title: ' STATE', width: 10, isText: true, cell: ({ state }) => ` ${state}` },
  age: { title: 'AGE', width: 7, sort: 'age', cell: ({ ageMs }) => age(ageMs) },
  cpu: {
    ...{ title: 'CPU', width: 6, sort: 'cpu' },
    cell: (_, rate) => (rate === undefined ? '' : percent(rate.cpuShare)),
  },
  memory: { title: 'MEM', width: 7, sort: 'memory', cell: ({ rssBytes }) => bytes(rssBytes) },
  requests: {
    ...{ title: 'REQ/S', width: 8, sort: 'requests' },
    cell: (_, rate) => (rate === undefined ? '' : short(rate.requestsPerSecond)),
  },
} as const satisfies Record<string, Column>

/** Left out in this order where the threads need the room. */
const DISPENSABLE = ['age', 'pid', 'memory', 'state', 'requests', 'cpu'] as const

/** How a thread is drawn: columns of its cell, and between two of them. */
interface CellForm {
  readonly width: number
  readonly gap: number
}

const BROAD: CellForm = { width: 3, gap: 1 }
const NARROW: CellForm = { width: 1, gap: 0 }
/** The first one that has room: with the time that it has been busy for, as a broad letter, as a letter. */
const FORMS: readonly CellForm[] = [{ width: 9, gap: 1 }, BROAD, { width: 1, gap: 1 }, NARROW]
/** How much of a line the threads may have before other columns give way. */
const THREADS_SHARE = 0.4
const MARK_WIDTH = 2

/** The scoreboard: a head, and then as many rows around the chosen one as there is room for. */
export function boardLines(state: TopState, rows: number, columns: number): Line[] {
  const most = Math.max(1, ...state.data.stats.processes.map(({ threads }) => threads.length))
  const { shown, form } = arrange(most, columns - MARK_WIDTH)
  const all = boardRows(state)
  const room = Math.max(rows - 1, 1)
  const at = all.findIndex(({ place }) => isSame(place, state.chosen))
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), all.length - room))
  const seen = all.slice(first, first + room)
  const rest = all.length - seen.length
  const note = rest > 0 ? `${first + 1} to ${first + seen.length} of ${all.length}` : ''
  const lines = seen.map((row) =>
    row.thread === undefined
      ? processLine(row, state, shown, form)
      : threadLine(row, row.thread, state, columns),
  )
  return [headLine(state.sort, shown, note, columns), ...lines]
}

function arrange(threads: number, columns: number): { shown: Column[]; form: CellForm } {
  const names = new Set<keyof typeof COLUMNS>(Object.keys(COLUMNS) as (keyof typeof COLUMNS)[])
  const room = (): number => {
    let used = 2
    for (const name of names) used += COLUMNS[name].width
    return columns - used
  }
  const need = ({ width, gap }: CellForm): number =>
    Math.max(threads * (width + gap) - gap, '▾THREADS'.length)
  const wanted = FORMS.slice(1).find((one) => need(one) <= columns * THREADS_SHARE) ?? NARROW
  for (const name of DISPENSABLE) {
    if (need(wanted) <= room()) break
    names.delete(name)
  }
  const form = FORMS.find((one) => need(one) <= room()) ?? NARROW
  return { shown: [...names].map((name) => COLUMNS[name]), form }
}

function headLine(sort: Sort, shown: readonly Column[], note: string, columns: number): Line {
  const titles = shown.map((column): Piece => {
    const isSorted = column.sort === sort
    const title = isSorted ? `▾${column.title}` : column.title
    return { text: aligned(title, column), look: isSorted ? 'one' : 'dim' }
  })
  const threads = sort === 'busy' ? '  ▾THREADS' : '  THREADS'
  const look: Look = sort === 'busy' ? 'one' : 'dim'
  const head: Line = [' '.repeat(MARK_WIDTH), ...titles, { text: threads, look }]
  return spread(head, [{ text: note, look: 'dim' }], columns)
}

function aligned(text: string, { width, isText }: Column): string {
  return isText === true ? text.padEnd(width) : text.padStart(width)
}

function processLine(
  { process, place }: BoardRow,
  state: TopState,
  shown: readonly Column[],
  form: CellForm,
): Line {
  const isChosen = isSame(place, state.chosen)
  const mark = state.open.has(process.slot) ? '▾' : '▸'
  const rate = state.rates.get(process.pid)
  const cells = shown.map((column): Piece => {
    const text = aligned(column.cell(process, rate), column)
    const look: Look | undefined =
      process.state === 'ready' ? undefined : column === COLUMNS.state ? 'warn' : 'dim'
    return isChosen ? { text, look: 'chosen' } : look === undefined ? { text } : { text, look }
  })
  const gap = ' '.repeat(form.gap)
  const threads = process.threads.flatMap((thread, index): Line => {
    return [...(index > 0 ? [gap] : []), threadCell(thread, form)]
  })
  return [{ text: `${mark} `, look: isChosen ? 'chosen' : 'dim' }, ...cells, '  ', ...threads]
}

function threadCell(thread: ThreadStats, { width }: CellForm): Piece {
  const { state, busyMs } = thread
  const look = lookOf(thread)
  if (width === 1) return { text: state, look }
  if (width === 3) return { text: ` ${state} `, look }
  const time = busyMs > 0 ? age(busyMs) : ''
  return { text: ` ${state} ${time.padStart(width - 4)} `, look }
}

function lookOf({ state, busyMs }: ThreadStats): Look {
  switch (state) {
    case '_':
      return 'idle'
    case 'K':
      return 'keep'
    case 'R':
      return 'read'
    case 'W':
      return busyMs > LATE_MS ? 'late' : 'write'
    case 'S':
      return 'start'
    default:
      return 'leave'
  }
}

/** What one thread does: for how long, with which request; and, where there is room, its figures. */
function threadLine(row: BoardRow, thread: ThreadStats, state: TopState, columns: number): Line {
  const { process, place } = row
  const running = state.data.running.find(
    (one) => one.process === process.slot && one.thread === thread.id,
  )
  const isChosen = isSame(place, state.chosen)
  const busyMs = Math.max(thread.busyMs, running?.busyMs ?? 0)
  const name = `${process.slot}.${thread.id}`.padEnd(6)
  const begin: Line = [
    { text: isChosen ? '   ▸ ' : '     ', look: 'chosen' },
    isChosen ? { text: name, look: 'chosen' } : name,
    threadCell(thread, BROAD),
    {
      text: (busyMs > 0 ? age(busyMs) : '').padStart(7),
      look: busyMs > LATE_MS ? 'bad' : 'strong',
    },
    '  ',
  ]
  const what: Piece = running?.request
    ? { text: running.request }
    : { text: thread.busyMs > 0 ? 'a connection' : 'idle', look: 'dim' }
  const figures = figuresOf(thread, columns)
  const room = columns - widthOf(begin) - widthOf(figures) - 1
  return [...begin, ...padded(fit([what], room), room), ' ', ...figures]
}

function figuresOf(thread: ThreadStats, columns: number): Line {
  const { inFlight, connections, requests, loopDelayMs, heapBytes } = thread
  const figures = [
    `${short(requests)} served`,
    ...(columns >= 80 ? [plural(connections, 'conn')] : []),
    ...(columns >= 100 ? [`${inFlight} in flight`, `loop ${Math.round(loopDelayMs)}ms`] : []),
    ...(columns >= 100 ? [`heap ${bytes(heapBytes)}`] : []),
  ]
  return [{ text: figures.map((figure) => figure.padStart(13)).join(''), look: 'dim' }]
}
