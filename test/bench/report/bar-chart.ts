import type { Spread } from '../statistics.js'
import type { Scale } from './scale.js'
import { bar, line, picture, text } from './svg.js'

export interface Bar {
  readonly label: string
  readonly isOwn: boolean
  readonly value: Spread
}

export interface BarGroup {
  readonly label: string
  readonly bars: readonly Bar[]
}

export interface BarChart {
  readonly title: string
  readonly subtitle: string
  readonly digits: number
  readonly groups: readonly BarGroup[]
  readonly scale: Scale
}

const WIDTH = 820
const LEFT = 150
const RIGHT = 70
const PLOT = WIDTH - LEFT - RIGHT
const ROW = 18
const GROUP_GAP = 30
const TOP = 62

/** Bars from left to right, a group below the other; a thin line over each from the least round to the highest. */
export function barChart({ title, subtitle, digits, groups, scale }: BarChart): string {
  const shapes: string[] = []
  const x = (value: number): number => LEFT + scale.at(value) * PLOT
  let y = TOP
  for (const group of groups) {
    shapes.push(text(16, y + 12, group.label, { style: 'heading' }))
    y += 20
    for (const { label, isOwn, value } of group.bars) {
      const middle = y + ROW / 2
      shapes.push(
        text(LEFT - 8, middle + 4, label, { anchor: 'end', style: isOwn ? 'heading' : 'muted' }),
        bar(LEFT, y + 2, x(value.median) - LEFT, ROW - 5, isOwn ? 'own' : 'peer'),
        line(x(value.min), middle, x(value.max), middle, 'spread'),
        text(Math.max(x(value.max), x(value.median)) + 6, middle + 4, value.median.toFixed(digits)),
      )
      y += ROW
    }
    y += GROUP_GAP - 20
  }
  const grid = scale.ticks.flatMap((tick) => [
    line(x(tick), TOP - 2, x(tick), y, 'axis'),
    text(x(tick), y + 14, String(Number(tick.toPrecision(3))), {
      anchor: 'middle',
      style: 'muted',
    }),
  ])
  return picture(WIDTH, y + 28, title, [
    text(16, 26, title, { style: 'title' }),
    text(16, 44, subtitle, { style: 'muted' }),
    ...grid,
    ...shapes,
  ])
}
