import type { Measurement } from '../measure.js'

/** Something that is measured of a server under a load. */
export interface Figure {
  readonly title: string
  readonly digits: number
  /** NaN when the measurement does not have it. */
  of(measurement: Measurement): number
}

export const figures = {
  requestsPerSecond: {
    title: 'requests/s',
    digits: 0,
    of: (m) => m.requestsPerSecond ?? Number.NaN,
  },
  cpuUsPerRequest: { title: 'CPU µs/request', digits: 0, of: (m) => m.cpuUsPerRequest },
  p50Ms: { title: 'p50 ms', digits: 2, of: (m) => m.latency?.p50Ms ?? Number.NaN },
  p90Ms: { title: 'p90 ms', digits: 1, of: (m) => m.latency?.p90Ms ?? Number.NaN },
  p99Ms: { title: 'p99 ms', digits: 1, of: (m) => m.latency?.p99Ms ?? Number.NaN },
  p99OfLimit: { title: 'p99 ÷ limit', digits: 2, of: (m) => m.latency?.p99OfLimit ?? Number.NaN },
  waitedPercent: {
    title: 'waited beside idle %',
    digits: 1,
    of: (m) => (m.latency?.waitedBesideIdle ?? Number.NaN) * 100,
  },
  jain: { title: 'evenness (Jain)', digits: 2, of: (m) => m.latency?.jain ?? Number.NaN },
  variation: { title: 'variation', digits: 2, of: (m) => m.latency?.variation ?? Number.NaN },
  pssMib: { title: 'memory MiB', digits: 0, of: (m) => m.pssBytes / 2 ** 20 },
  generatorLateP99Ms: {
    title: 'generator late p99 ms',
    digits: 1,
    of: (m) => m.generatorLateP99Ms ?? Number.NaN,
  },
} as const satisfies Readonly<Record<string, Figure>>

export type FigureName = keyof typeof figures

export const figureNames = Object.keys(figures) as FigureName[]
