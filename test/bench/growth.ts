import { helloClose, helloWithIdle } from './loads/all.js'
import type { Load } from './loads/load.js'
import { close } from './loads/saturation.js'
import { type Measured, type Measurement, measure, type Plan, type Start } from './measure.js'
import { type PoolSetup, pool } from './peers/pool.js'

/** Something that grows while all else stays, and what is measured for each of its values. */
export interface Axis {
  readonly name: 'threads' | 'processes' | 'listeners' | 'connections'
  readonly title: string
  readonly points: readonly Point[]
}

export interface Point {
  readonly value: number
  readonly setup: PoolSetup
  readonly load: Load
}

export interface GrowthMeasurement extends Measurement {
  readonly axis: Axis['name']
  readonly value: number
}

export interface Growth {
  readonly measurements: readonly GrowthMeasurement[]
  /** Starts of the pools of an axis; none where one pool serves all values. */
  readonly starts: readonly (Start & { readonly axis: Axis['name']; readonly value: number })[]
  readonly problems: readonly string[]
}

const axis = (
  name: Axis['name'],
  title: string,
  values: readonly number[],
  point: (value: number) => Omit<Point, 'value'>,
): Axis => ({ name, title, points: values.map((value) => ({ value, ...point(value) })) })

/** Idle connections must outlive the measurement. */
const patient = ['--keep-alive-timeout', '0']

/** With fewer values for a quick look. */
export function growthAxes(isQuick: boolean): Axis[] {
  const some = <T>(values: readonly T[], few: readonly T[]): readonly T[] =>
    isQuick ? few : values
  const size = { processes: 2, threads: 2 }
  return [
    axis('threads', 'threads of one process', some([1, 2, 4, 8], [1, 4]), (threads) => ({
      setup: { processes: 1, threads },
      load: helloClose,
    })),
    axis('processes', 'processes of one thread', some([1, 2, 4, 8], [1, 4]), (processes) => ({
      setup: { processes, threads: 1 },
      load: helloClose,
    })),
    axis('listeners', 'listeners of a pool of 2x2', some([1, 4, 16, 64], [1, 16]), (listeners) => ({
      setup: { ...size, listeners },
      load: helloClose,
    })),
    axis(
      'connections',
      'open connections of a pool of 2x2',
      some([10, 100, 1000, 10_000], [10, 1000]),
      (connections) => ({ setup: { ...size, options: patient }, load: helloWithIdle(connections) }),
    ),
  ]
}

/** What measures all axes: the plan of `measure` without the servers and loads, which the axes bring. */
export type GrowthPlan = Omit<Plan, 'servers' | 'loads' | 'threads'> & {
  readonly isSaturable: boolean
}

export async function measureGrowth(axes: readonly Axis[], plan: GrowthPlan): Promise<Growth> {
  const growths: Growth[] = []
  for (const one of axes) growths.push(await measureAxis(one, plan))
  return {
    measurements: growths.flatMap(({ measurements }) => measurements),
    starts: growths.flatMap(({ starts }) => starts),
    problems: growths.flatMap(({ problems }) => problems),
  }
}

async function measureAxis({ name, points }: Axis, plan: GrowthPlan): Promise<Growth> {
  const servers = new Map(points.map(({ setup }) => [pool(setup).name, pool(setup)]))
  // Saturation comes first, since the first load is what servers are warmed up by: nothing is as thorough.
  const loads = new Set([...(plan.isSaturable ? [close] : []), ...points.map(({ load }) => load)])
  const measured: Measured = await measure({
    ...plan,
    servers: [...servers.values()],
    loads: [...loads],
    threads: 1,
    report: (line) => plan.report(`growth by ${name}: ${line}`),
  })
  // Where several values share a server, what is measured without their own load says nothing of any of them.
  const isShared = servers.size < points.length
  const isOf =
    ({ setup, load }: Point) =>
    (m: { readonly server: string; readonly load?: string }): boolean =>
      m.server === pool(setup).name &&
      (m.load === load.name || (!isShared && (m.load === undefined || m.load === close.name)))
  return {
    measurements: points.flatMap((point) =>
      measured.measurements
        .filter(isOf(point))
        .map((m) => ({ ...m, axis: name, value: point.value })),
    ),
    starts: points.flatMap((point) =>
      measured.starts.filter(isOf(point)).map((s) => ({ ...s, axis: name, value: point.value })),
    ),
    problems: measured.problems,
  }
}
