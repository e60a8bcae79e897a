import type { LeanFigure } from '../lean.js'
import type { ReadyTime } from '../ready-times.js'
import type { Spread } from '../statistics.js'
import type { StartRow } from '../summary.js'
import { range } from './cells.js'
import type { Table } from './table.js'

export const startTable = (rows: readonly StartRow[]): Table => ({
  title: 'start and memory',
  notes: [
    'From the start of the process until the whole server is ready; proportional memory (PSS) of its processes before the first request.',
  ],
  head: ['server', 'ready ms', 'memory MiB'],
  rows: rows.map(({ server, readyMs, pssMib }) => [server, range(readyMs, 0), range(pssMib, 0)]),
})

export const readyTable = (times: readonly ReadyTime[]): Table => ({
  title: 'ready time of one more',
  notes: ['Until it serves, in a pool that has nothing else to do.'],
  head: ['what', 'ms'],
  rows: times.map(({ what, ms }) => [what, range(ms, 0)]),
})

export const shareTable = (share: Spread): Table => ({
  title: 'own share',
  notes: [
    "Of the pool's own code in the CPU profile of a thread that answers `hello` under keep-alive, %: what a request costs beyond Node and the handler.",
  ],
  head: ['what', '%'],
  rows: [['own functions', range(percent(share), 1)]],
})

export const leanTable = (figures: readonly LeanFigure[]): Table => ({
  title: 'lean',
  notes: [
    'Memory: what the whole tree holds of its own, and its files once, 15 s after the start or the load. A thread and a Worker: both load the same empty module and say so; they start in turns, and the fastest of five counts.',
  ],
  head: ['what', 'measured', 'wanted'],
  rows: figures.map(({ what, value, atMost }) => [what, range(value, 2), `<= ${atMost}`]),
})

function percent({ median, min, max, sure }: Spread): Spread {
  return {
    median: median * 100,
    min: min * 100,
    max: max * 100,
    sure: { from: sure.from * 100, to: sure.to * 100 },
  }
}
