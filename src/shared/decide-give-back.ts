/** How long a surplus has lasted, and when some of it went the last time. */
export interface Surplus {
  /** Without a break; 0 if there is none. */
  readonly surplusMs: number
  /** What `surplusMs` was when some of it went the last time; 0 if none has. */
  readonly givenBackMs: number
}

/** A surplus must last so long before the first one goes, and then so long for each further step. */
export interface Patience {
  readonly firstMs: number
  readonly nextMs: number
}

/**
 * How many may go of a surplus now, like the growth: 1, then 2, 4 … the longer it lasts. The step is counted from the beginning of the
 * surplus: of several who see the same one, the next goes on where the first had nothing left to give.
 */
export function decideGiveBack({ surplusMs, givenBackMs }: Surplus, patience: Patience): number {
  const step = stepAt(surplusMs, patience)
  return step > stepAt(givenBackMs, patience) ? 2 ** (step - 1) : 0
}

function stepAt(ms: number, { firstMs, nextMs }: Patience): number {
  return ms < firstMs ? 0 : 1 + Math.floor((ms - firstMs) / nextMs)
}
