import { figures } from '../figures/figure.js'
import type { Verdict } from '../goals.js'
import { number, range } from './cells.js'
import type { Table } from './table.js'

/** A row per goal and pool. */
export const goalsTable = (verdicts: readonly Verdict[]): Table => ({
  title: 'goals',
  notes: [],
  head: ['goal', 'measured', '95 % sure', 'wanted', 'met'],
  rows: verdicts.map(({ load, figure, server, peer, value, bound, met }) => [
    `${load}, ${figures[figure].title}: ${server}${peer === undefined ? '' : ` ÷ ${peer}`}`,
    range(value, 2),
    `${number(value.sure.from, 2)}..${number(value.sure.to, 2)}`,
    'atMost' in bound ? `<= ${bound.atMost}` : `>= ${bound.atLeast}`,
    met,
  ]),
})
