/** From a value to a place between 0 and 1, and the values that are written at the axis. */
export interface Scale {
  readonly ticks: readonly number[]
  at(value: number): number
}

/** From zero. */
export function linear(most: number): Scale {
  const step = niceStep(most / 4)
  const top = Math.max(step, Math.ceil(most / step) * step)
  const count = Math.round(top / step)
  return {
    ticks: Array.from({ length: count + 1 }, (_, n) => n * step),
    at: (value) => clamp(value / top),
  }
}

/** From `least` on, by powers; what is less stands at the beginning. */
export function logarithmic(least: number, most: number): Scale {
  const from = Math.log(least)
  const to = Math.log(Math.max(most, least * 2))
  return {
    ticks: logTicks(least, Math.exp(to)),
    at: (value) => clamp((Math.log(Math.max(value, least)) - from) / (to - from)),
  }
}

const clamp = (share: number): number => Math.min(1, Math.max(0, share))

/** 1, 2 or 5 times a power of ten, at least `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  const factor = [1, 2, 5, 10].find((f) => f * power >= step) ?? 10
  return factor * power
}

function logTicks(least: number, most: number): number[] {
  const ticks: number[] = []
  for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10) {
    ticks.push(...[1, 2, 5].map((f) => f * power))
  }
  return ticks.filter((tick) => tick >= least && tick <= most)
}
