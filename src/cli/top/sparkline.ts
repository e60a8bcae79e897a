const BARS = '▁▂▃▄▅▆▇█'

/**
 * The latest values as bars, one a column, the newest at the right, in so many lines. Where there is no value yet there is nothing; `most` is the
 * value of a full bar.
 */
export function sparkline(
  values: readonly number[],
  columns: number,
  most: number,
  lines = 1,
): string[] {
  const shown = values.slice(-columns)
  const steps = shown.map((value) => stepsOf(most > 0 ? value / most : 0, lines))
  return Array.from({ length: lines }, (_, index) => {
    const below = (lines - 1 - index) * BARS.length
    const bars = steps.map((step) => barOf(step - below)).join('')
    return bars.padStart(columns)
  })
}

/** Nothing is one step, too: a line at the ground. */
function stepsOf(share: number, lines: number): number {
  const all = lines * BARS.length
  return Math.min(Math.max(Math.round(share * all), 1), all)
}

function barOf(steps: number): string {
  if (steps <= 0) return ' '
  return BARS[Math.min(steps, BARS.length) - 1] ?? ' '
}
