import { align, type Cells } from './report/table.js'
import { quantile } from './statistics.js'

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Three digits that count. */
export const figure = (value: number): string =>
  !Number.isFinite(value)
    ? '-'
    : value >= 100
      ? Math.round(value).toLocaleString('en-US')
      : value.toPrecision(3)

/** ns per call of `once`, the median of some rounds. The first ones are warm-up: compiled code, warm caches. */
export function nsPerCall(once: (times: number) => void, times: number, rounds: number): number {
  const figures: number[] = []
  for (let round = -3; round < rounds; round++) {
    const startedAt = process.hrtime.bigint()
    once(times)
    const ns = Number(process.hrtime.bigint() - startedAt) / times
    if (round >= 0) figures.push(ns)
  }
  return median(figures)
}

/** A block of the report. */
export interface Section {
  readonly title: string
  readonly notes: readonly string[]
  readonly rows: readonly Cells[]
  readonly goals: readonly Goal[]
}

export interface Goal {
  readonly name: string
  readonly value: number
  readonly most: number
  readonly unit: string
}

export function print({ title, notes, rows, goals }: Section): void {
  console.log(`\n${title}\n${align(rows)}`)
  for (const note of notes) console.log(`  ${note}`)
  for (const { name, value, most, unit } of goals) {
    const verdict = value <= most ? 'met' : 'missed'
    console.log(`  goal: ${name} <= ${figure(most)} ${unit}: ${figure(value)}, ${verdict}`)
  }
}
