/** A request to be: when it is due after the beginning, and how long its handler is to sleep. */
export interface Due {
  readonly atMs: number
  readonly serviceMs: number
}

/** How long requests take. */
export interface Service {
  readonly name: string
  readonly description: string
  readonly meanMs: number
  draw(random: () => number): number
}

const LONG_SHARE = 0.1
const LONG_MS = 100
const SHORT_MS = 2

export const services: readonly Service[] = [
  { name: 'fixed', description: '20 ms each', meanMs: 20, draw: () => 20 },
  {
    name: 'bimodal',
    description: '1 in 10 takes 100 ms, the others 2 ms',
    meanMs: LONG_SHARE * LONG_MS + (1 - LONG_SHARE) * SHORT_MS,
    draw: (random) => (random() < LONG_SHARE ? LONG_MS : SHORT_MS),
  },
]

/**
 * Poisson arrivals that keep `servers` servers busy for the share `load` of their time. The same seed gives the same
 * schedule, so that all mechanisms of a round get the same requests at the same moments and chance falls out of
 * their ratio.
 */
export function schedule(
  service: Service,
  servers: number,
  load: number,
  seconds: number,
  seed: number,
): Due[] {
  const random = seeded(seed)
  const meanGapMs = service.meanMs / (servers * load)
  const dues: Due[] = []
  for (let atMs = 0; ; ) {
    atMs -= Math.log(1 - random()) * meanGapMs
    if (atMs >= seconds * 1000) return dues
    dues.push({ atMs, serviceMs: service.draw(random) })
  }
}

/** Tommy Ettinger's mulberry32: 0 <= x < 1, from 32 bits of state, which is plenty for some thousand draws. */
function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
